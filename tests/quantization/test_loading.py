# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A model is quantised while it is read, once; its file is used, renewed, or done without."""

import json
import logging
from pathlib import Path
import shutil
import sys

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file
import torch

from minicpmo import checkpoint
from minicpmo.checkpoint import load_model
from minicpmo.engine import Engine
from minicpmo.errors import ConfigurationError, QuantizationError
from minicpmo.quantization import matrix_file
from minicpmo.quantization.check import main, recorded_agreement
from minicpmo.quantization.linear import Int4Linear, Int8Linear, QuantizedEmbedding
from minicpmo.quantization.matrix_store import default_cache
from minicpmo.quantization.scheme import Quantization

TINY = Path(__file__).parents[1] / 'data' / 'minicpmo45'
NANO = Path(__file__).parents[2] / 'model' / 'nano'
INT4 = Quantization.INT4


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def folder(tmp_path) -> Path:
    copied = tmp_path / 'tiny'
    copied.mkdir()
    for name in ('config.json', 'weights.safetensors'):
        shutil.copy(TINY / name, copied)
    return copied


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / 'cache'


@pytest.fixture
def quantised_tensors(monkeypatch):
    shapes, quantize = [], checkpoint.quantize

    def count(tensor, how):
        shapes.append(tuple(tensor.shape))
        return quantize(tensor, how)

    monkeypatch.setattr(checkpoint, 'quantize', count)
    return shapes


def logits(model) -> torch.Tensor:
    ids = torch.arange(30)[None]
    return model.llm.logits(model.llm(model.llm.embed(ids)))


def load(folder, cache, kind=INT4, **options):
    return load_model(folder, quantization=kind, cache=cache, **options)


def file_of(cache: Path) -> Path:
    (path,) = cache.iterdir()
    return path


def test_only_the_language_model_is_quantised(folder):
    model = load(folder, None)
    layer = model.llm.model.layers[0]
    assert isinstance(layer.self_attn.q_proj, Int4Linear)
    assert isinstance(layer.mlp.down_proj, Int4Linear)
    assert isinstance(model.llm.lm_head, Int8Linear)
    assert isinstance(model.llm.model.embed_tokens, QuantizedEmbedding)
    others = [m for part in (model.vpm, model.apm, model.tts) for m in part.modules()]
    assert not any(isinstance(m, (Int4Linear, Int8Linear)) for m in others)
    assert model.dtype == torch.float32 and model.device == torch.device('cpu')


def test_second_load_reads_the_file_and_gives_the_same_model(folder, cache, quantised_tensors):
    first = logits(load(folder, cache))
    count = len(quantised_tensors)
    assert count == 2 * 7 + 2
    again = logits(load(folder, cache))
    assert len(quantised_tensors) == count and torch.equal(again, first)
    assert not list(cache.glob('*.part')) and file_of(cache).stat().st_mode & 0o777 == 0o644


def test_the_file_serves_every_type_of_activations(folder, cache, quantised_tensors):
    load(folder, cache)
    count = len(quantised_tensors)
    model = load(folder, cache, dtype=torch.bfloat16)
    assert len(quantised_tensors) == count and logits(model).dtype == torch.bfloat16


def test_the_file_needs_no_library(folder, cache, monkeypatch):
    expected = logits(load(folder, cache))
    monkeypatch.setitem(sys.modules, 'torchao.quantization', None)
    assert torch.equal(logits(load(folder, cache)), expected)
    with pytest.raises(QuantizationError, match='torchao'):
        load(folder, None)


def test_the_file_holds_tensors_and_says_from_what(folder, cache):
    load(folder, cache)
    with safe_open(file_of(cache), framework='pt') as file:
        metadata = file.metadata()
    assert metadata['quantization'] == 'int4' and metadata['version'] == matrix_file.VERSION
    assert len(metadata['source']) == 64


def test_no_tensor_is_on_the_device_unquantised_with_another(folder, monkeypatch):
    """Each is dropped before the next is read: the peak is one tensor more."""
    alive, most, tensors = set(), [], checkpoint._tensors

    def watch(stored, device):
        for name, tensor in tensors(stored, device):
            alive.add(name)
            most.append(len(alive))
            yield name, tensor
            del tensor
            alive.discard(name)

    monkeypatch.setattr(checkpoint, '_tensors', watch)
    load(folder, None)
    assert max(most) == 1


def test_progress_ends_at_the_whole_release(folder, cache):
    calls = []
    for _ in range(2):
        calls.clear()
        load(folder, cache, progress=lambda *values: calls.append(values))
        assert calls[-1][0] == calls[-1][1]
        assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 0xFF
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b'')


def other_version(path: Path) -> None:
    with safe_open(path, framework='pt') as file:
        metadata = file.metadata()
    save_file(load_file(path), path, metadata={**metadata, 'version': '0'})


def no_metadata(path: Path) -> None:
    save_file(load_file(path), path)


def fewer_tensors(path: Path) -> None:
    with safe_open(path, framework='pt') as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors.popitem()
    save_file(tensors, path, metadata=metadata)


@pytest.mark.parametrize(
    ('damage', 'reason'),
    [
        (flip, 'checksum'),
        (truncate, 'damaged'),
        (empty, 'damaged'),
        (other_version, 'another version'),
        (no_metadata, 'another version'),
        (fewer_tensors, 'other tensors'),
    ],
)
def test_a_file_that_does_not_fit_is_reported_and_renewed(
    folder, cache, quantised_tensors, caplog, damage, reason
):
    expected = logits(load(folder, cache))
    count = len(quantised_tensors)
    damage(file_of(cache))
    with caplog.at_level(logging.WARNING):
        assert torch.equal(logits(load(folder, cache)), expected)
    assert reason in caplog.text and 'made anew' in caplog.text
    assert len(quantised_tensors) == 2 * count
    load(folder, cache)
    assert len(quantised_tensors) == 2 * count, 'the renewed file is good'


def test_another_release_is_noticed(folder, cache, quantised_tensors, caplog):
    load(folder, cache)
    count = len(quantised_tensors)
    path = folder / 'weights.safetensors'
    tensors = {name: tensor * 1.5 for name, tensor in load_file(path).items()}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    model = load(folder, cache)
    assert 'another source' in caplog.text and len(quantised_tensors) == 2 * count
    assert torch.equal(logits(model), logits(load(folder, None)))


def test_types_have_files_of_their_own(folder, cache):
    for kind in (Quantization.INT4, Quantization.INT8, Quantization.FP8):
        load(folder, cache, kind)
    assert len(list(cache.iterdir())) == 3


def test_a_folder_that_cannot_be_written_costs_the_file_only(folder, tmp_path, caplog):
    blocked = tmp_path / 'blocked'
    blocked.write_text('a file, not a folder')
    model = load(folder, blocked)
    assert 'cannot be kept' in caplog.text and torch.isfinite(logits(model)).all()


def test_a_full_disk_leaves_nothing_behind(folder, cache, monkeypatch, caplog):
    written, write = [], matrix_file.MatrixFileWriter.write

    def fail(self, name, matrix):
        written.append(name)
        if len(written) > 3:
            raise OSError(28, 'No space left on device')
        write(self, name, matrix)

    monkeypatch.setattr(matrix_file.MatrixFileWriter, 'write', fail)
    model = load(folder, cache)
    assert 'No space left' in caplog.text and torch.isfinite(logits(model)).all()
    assert list(cache.iterdir()) == []


def test_a_failure_while_reading_leaves_nothing_behind(folder, cache, monkeypatch):
    monkeypatch.setattr(checkpoint, 'quantize', lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        load(folder, cache)
    assert list(cache.iterdir()) == []


def test_a_table_that_is_the_head_as_well_stays(folder, cache):
    config = json.loads((folder / 'config.json').read_text())
    config['model']['tie_word_embeddings'] = True
    (folder / 'config.json').write_text(json.dumps(config))
    path = folder / 'weights.safetensors'
    tensors = load_file(path)
    del tensors['llm.lm_head.weight']
    save_file(tensors, path)
    model = load(folder, cache)
    assert model.llm.lm_head.weight is model.llm.model.embed_tokens.weight


def test_engine_speaks_with_a_quantised_model(cache):
    engine = Engine.load(
        NANO, 'cpu', quantization='int8', quantization_cache=cache, context_tokens=1024
    )
    assert file_of(cache).name == 'nano-int8.safetensors'
    assert isinstance(engine.model.llm.lm_head, Int8Linear)
    session = engine.prepare(voice='none')
    assert session.conversation.stream.cache.keys.dtype == torch.float32


def test_engine_refuses_an_unknown_type():
    with pytest.raises(ConfigurationError, match='int8, int4, fp8'):
        Engine.load(NANO, 'cpu', quantization='int3')


def test_default_cache_is_that_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert default_cache() == tmp_path / 'minicpmo'


def test_more_bits_agree_more(tmp_path):
    for name in ('config.json', 'id_map.json', 'weights.safetensors', 'audio.safetensors'):
        shutil.copy(TINY / name, tmp_path)
    shutil.copytree(TINY / 'inputs', tmp_path / 'inputs')
    shutil.copy(TINY / 'duplex_audio.json', tmp_path)
    for name in ('token2wav_flow', 'token2wav_hift', 'token2wav_prompt'):
        shutil.copy(TINY / f'{name}.safetensors', tmp_path)
    eight = recorded_agreement(tmp_path, Quantization.INT8)
    four = recorded_agreement(tmp_path, Quantization.INT4)
    exact = recorded_agreement(tmp_path, Quantization.NONE)
    assert exact.share == 1.0 and max(exact.errors) < 1e-4
    assert eight.decisions == four.decisions == exact.decisions > 20
    assert eight.share > four.share and eight.share > 0.9
    assert max(eight.errors) < 0.15


def test_check_command_needs_a_recording_for_a_model(capsys):
    assert main([str(NANO)]) == 1
    assert '--sound' in capsys.readouterr().err
