# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The way of a user with a release: folder to engine to a session that speaks in its own voice."""

from dataclasses import replace
import json
from pathlib import Path
import shutil

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
import torch

from minicpmo.chat_prompt import Message
from minicpmo.checkpoint import save_model
from minicpmo.checks.token2wav_check import recorded_prompt
from minicpmo.config import ModelConfig, SpeechConfig
from minicpmo.engine import Engine
from minicpmo.errors import CheckpointError, ConfigurationError, MiniCPMOError
from minicpmo.model import OmniModel
from minicpmo.protocol import Decision, Heard, Unit
from minicpmo.shard import INDEX_FILE, SINGLE_FILES
from minicpmo.speech.synthesizer import ModelSpeech
from minicpmo.speech.voice import Voice

SECOND = np.random.default_rng(0).normal(0.0, 0.1, 16000).astype(np.float32)
UNUSED_ROWS = 16
"""Rows of the speech decoder's table that is stored and never read."""


def shard(folder: Path) -> list[Path]:
    """Replace the single weight file by two shards with an index."""
    tensors = load_file(folder / SINGLE_FILES[0])
    (folder / SINGLE_FILES[0]).unlink()
    names = sorted(tensors)
    weight_map = {}
    for number, part in enumerate((names[::2], names[1::2]), start=1):
        file = f'model-{number:05d}-of-00002.safetensors'
        save_file({name: tensors[name].to(torch.bfloat16) for name in part}, folder / file)
        weight_map |= dict.fromkeys(part, file)
    (folder / INDEX_FILE).write_text(json.dumps({'metadata': {}, 'weight_map': weight_map}))
    return sorted(folder.glob('model-*.safetensors'))


def add_voice(folder: Path, vectors) -> None:
    """Write the assets as the release has them, of recorded sizes, and a prepared voice."""
    assets = folder / 'assets' / 'token2wav'
    assets.mkdir(parents=True)
    vocoder = vectors.tensors('token2wav_hift.safetensors')
    torch.save({f'generator.{name}': t for name, t in vocoder.items()}, assets / 'hift.pt')
    torch.save(vectors.tensors('token2wav_flow.safetensors'), assets / 'flow.pt')
    (assets / 'sizes.json').write_text(json.dumps(vectors.config['token2wav']))
    Voice(recorded_prompt(vectors), torch.from_numpy(np.tile(SECOND, 2))).save(
        folder / 'assets' / 'voice.safetensors'
    )


@pytest.fixture(scope='module')
def folder(small_folder, vectors, tmp_path_factory) -> Path:
    """Return a release of random weights with a speech decoder of three heads."""
    path = tmp_path_factory.mktemp('release')
    shutil.copytree(small_folder, path, dirs_exist_ok=True)
    small = ModelConfig.from_folder(path)
    texts = small.llm.vocab_size
    speech = SpeechConfig(
        llm_dim=small.llm.hidden_size,
        hidden_size=48,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=3,
        num_text_tokens=texts + 2,
        audio_bos_token_id=texts,
        text_eos_token_id=texts + 1,
        max_position_embeddings=96,
    )
    torch.manual_seed(0)
    save_model(OmniModel(replace(small, speech=speech), UNUSED_ROWS), path)
    shard(path)
    add_voice(path, vectors)
    return path


def test_a_release_speaks_in_its_own_voice(folder):
    reported = []
    engine = Engine.load(
        folder, 'cpu', progress=lambda done, total: reported.append((done, total))
    )
    done = [part for part, _ in reported]
    assert done == sorted(done) and reported[-1][0] == reported[-1][1]
    assert engine.capabilities.speech
    session = engine.prepare('You are at home.', seed=1)
    assert isinstance(session.speech, ModelSpeech)
    result = session.step(Unit(0, SECOND))
    assert result.decision is Decision.SPEAK
    assert result.speech.dtype == np.float32 and result.sample_rate == 24000
    assert len(result.speech) >= 24000 and np.abs(result.speech).max() > 0.0
    session.interrupt(Heard(0.5))
    assert not session.state.turn_open
    chat = engine.chat(speak=True, max_tokens=3, context_tokens=100)
    pieces = list(chat.reply((Message('user', ('Hello',)),)))
    assert pieces[-1].finished
    assert any(piece.speech is not None and piece.speech.size for piece in pieces)


def test_every_wrong_tensor_of_all_shards_is_listed(folder, tmp_path):
    shutil.copytree(folder, tmp_path / 'wrong')
    for path in (tmp_path / 'wrong').glob('model-*.safetensors'):
        tensors = load_file(path)
        names = sorted(tensors)
        del tensors[names[0]]
        tensors[names[1]] = torch.zeros(1, 2, 3)
        tensors[f'tts.surplus.{path.stem}'] = torch.zeros(1)
        save_file(tensors, path)
    with pytest.raises(CheckpointError) as caught:
        Engine.load(tmp_path / 'wrong', 'cpu')
    lines = [line.strip() for line in str(caught.value).splitlines()[1:]]
    assert sum(line.startswith('missing ') for line in lines) == 2
    assert sum(line.startswith('surplus tts.surplus.') for line in lines) == 2
    assert sum('is [1, 2, 3] instead of' in line for line in lines) == 2
    assert len(lines) == 6


@pytest.mark.parametrize('parts', ['audio', ('visoin',), ('audio', 'tts')])
def test_parts_that_do_not_exist_are_named(folder, parts):
    with pytest.raises(ConfigurationError, match='pass a tuple of vision, audio, speech'):
        Engine.load(folder, 'cpu', parts=parts)


@pytest.mark.parametrize('beams', [3, 'many'])
def test_only_one_beam_can_be_streamed(folder, beams):
    engine = Engine.load(folder, 'cpu', parts=())
    with pytest.raises(ConfigurationError, match='num_beams is .* use 1'):
        engine.chat(num_beams=beams)
    engine.chat(num_beams=1, max_tokens=1, context_tokens=10).close()


@pytest.mark.parametrize(
    ('name', 'content'),
    [
        ('config.json', '[]'),
        ('config.json', '{"vocab_size": 5}'),
        ('config.json', '{"vision_config": 7}'),
        (INDEX_FILE, '{"weight_map": {"a": 3}}'),
        (INDEX_FILE, '{"weight_map": {"a": "../other/model.safetensors"}}'),
        (INDEX_FILE, '{"weight_map": {"a": ["b"]}}'),
        ('model-00001-of-00002.safetensors', (2).to_bytes(8, 'little') + b'[]'),
        ('model-00001-of-00002.safetensors', (7).to_bytes(8, 'little') + b'{"a":1}'),
        ('model-00001-of-00002.safetensors', (15).to_bytes(8, 'little') + b'{"a":{"x": 1 }}'),
        ('tokenizer_config.json', '[1]'),
        ('tokenizer_config.json', '{"bad_token_ids": ["x"]}'),
        ('session.json', '{"options": {"window_mode": "wide"}}'),
        ('session.json', '{"options": 5}'),
    ],
)
def test_a_damaged_file_is_a_typed_error(folder, tmp_path, name, content):
    shutil.copytree(folder, tmp_path / 'damaged')
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / 'damaged' / name).write_bytes(data)
    with pytest.raises(MiniCPMOError):
        Engine.load(tmp_path / 'damaged', 'cpu', parts=())
