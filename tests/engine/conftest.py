# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
import shutil
from typing import Optional

import numpy as np
import pytest
import torch

from minicpmo.checkpoint import save_model
from minicpmo.checks.language_check import load_language_model
from minicpmo.checks.recorded_session import load_omni_model
from minicpmo.checks.vectors import Vectors
from minicpmo.config import AudioConfig, LanguageConfig, ModelConfig, SlicingConfig, VisionConfig
from minicpmo.duplex import DuplexSession
from minicpmo.duplex_input import DuplexPrompt
from minicpmo.duplex_options import DuplexOptions
from minicpmo.errors import InputError
from minicpmo.language_stream import LanguageStream
from minicpmo.llm import LanguageModel
from minicpmo.model import OmniModel
from minicpmo.protocol import Unit
from minicpmo.sampling import SamplingOptions
from minicpmo.tokenizer import PretrainedTokenizer, VectorTokenizer

NANO = Path(__file__).parents[2] / 'model' / 'nano'
TINY = Path(__file__).parents[1] / 'data' / 'minicpmo45'
SMALL = ModelConfig(
    llm=LanguageConfig(1, 64, 96, 2, 4, 2, head_dim=16, rope_theta=10000.0),
    vision=VisionConfig(32, 64, 2, 2, image_size=140),
    audio=AudioConfig(80, 32, 2, 2, 64, max_source_positions=256),
    slicing=SlicingConfig(scale_resolution=112),
    query_num=8,
    drop_vision_last_layer=False,
)


class RowEncoder:
    """Stands for the encoders: the first sample of a second selects recorded rows.

    Like the real one it has a state: every row is scaled by the number of seconds heard.
    """

    image_rows = 4
    audio_rows = 10

    def __init__(self, rows: torch.Tensor) -> None:
        self._rows = rows
        self.seconds = 0

    def check_audio(self, audio: np.ndarray) -> None:
        if audio.shape != (16000,) or not np.isfinite(audio).all():
            raise InputError('bad audio')

    def image_pieces(self, images, max_slices: Optional[int]) -> list[int]:
        if any(image.ndim != 3 for image in images):
            raise InputError('bad picture')
        return [max_slices or 1] * len(images)

    def encode_images(self, images, max_slices: Optional[int]) -> list[torch.Tensor]:
        pieces = max_slices or 1
        return [self._rows[0, :4].repeat(pieces, 1, 1) * float(i.mean()) for i in images]

    def encode_audio(self, audio: np.ndarray) -> torch.Tensor:
        self.seconds += 1
        scale = 1.0 + 0.001 * (self.seconds % 50)
        return self._rows[round(float(audio[0]) * 100) % len(self._rows)] * scale

    def reset(self) -> None:
        self.seconds = 0


class RecordingSpeech:
    """Stands for the synthesizer: a tenth of a second of sound per token."""

    sample_rate = 24000
    flow_steps = 10

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    def speak(self, token_ids, hidden, text, end_of_turn) -> np.ndarray:
        assert hidden.shape[0] == len(token_ids)
        self.calls.append(('speak', tuple(token_ids), end_of_turn))
        return np.zeros(2400 * len(token_ids), np.float32)

    def set_flow_stride(self, stride: int) -> None:
        self.calls.append(('stride', stride))

    def reset_turn(self, keep_decoder_context: bool) -> None:
        self.calls.append(('reset_turn', keep_decoder_context))

    def reset(self) -> None:
        self.calls.append(('reset',))

    def close(self) -> None:
        self.calls.append(('close',))


@pytest.fixture(scope='session')
def vectors() -> Vectors:
    torch.set_num_threads(1)
    return Vectors(TINY)


@pytest.fixture(scope='session')
def language_model(vectors: Vectors) -> LanguageModel:
    return load_language_model(vectors)


@pytest.fixture(scope='session')
def shallow_model(language_model: LanguageModel) -> LanguageModel:
    """Return the first layer alone, for tests of very long conversations."""
    model = LanguageModel(replace(language_model.config, num_hidden_layers=1))
    model.load_state_dict(language_model.state_dict(), strict=False)
    return model.eval()


@pytest.fixture(scope='session')
def tokenizer(vectors: Vectors) -> VectorTokenizer:
    return VectorTokenizer(vectors.id_map)


@pytest.fixture(scope='session')
def audio_rows(vectors: Vectors) -> torch.Tensor:
    tensors = vectors.tensors('duplex_audio.safetensors')
    names = [name for name in tensors if name.endswith('audio_embeds')]
    names.sort(key=lambda name: int(name.split('.')[0][1:]))
    return torch.stack([tensors[name] for name in names])


@pytest.fixture(scope='session')
def voice_rows(vectors: Vectors) -> torch.Tensor:
    return vectors.tensors('audio.safetensors')['offline.ref_chunk1s']


@pytest.fixture
def make_unit() -> Callable[..., Unit]:
    def make(index: int, kind: int = 0, **options) -> Unit:
        audio = np.zeros(16000, np.float32)
        audio[0] = kind / 100
        return Unit(index, audio, **options)

    return make


@pytest.fixture
def new_session(
    language_model: LanguageModel,
    tokenizer: VectorTokenizer,
    audio_rows: torch.Tensor,
    voice_rows: torch.Tensor,
) -> Callable[..., DuplexSession]:
    def make(speech=None, model=language_model, **options) -> DuplexSession:
        options.setdefault('sampling', SamplingOptions(greedy=True))
        options.setdefault('context_tokens', 1500)
        prompt = DuplexPrompt.from_text(tokenizer, 'Streaming Omni Conversation.', voice_rows)
        encoder = RowEncoder(audio_rows)
        return DuplexSession(model, tokenizer, encoder, speech, prompt, DuplexOptions(**options))

    return make


@pytest.fixture
def row_encoder() -> type[RowEncoder]:
    return RowEncoder


@pytest.fixture
def recording_speech() -> RecordingSpeech:
    return RecordingSpeech()


@pytest.fixture(scope='session')
def omni_model(vectors: Vectors) -> OmniModel:
    return load_omni_model(vectors)


@pytest.fixture(scope='session')
def token_rows(language_model: LanguageModel, tokenizer: VectorTokenizer) -> torch.Tensor:
    """Return the first layer's values of every token, which depend on the token alone."""
    probe = language_model.new_cache(tokenizer.vocab_size)
    language_model.extend(language_model.embed(torch.arange(tokenizer.vocab_size)), probe)
    return probe.values[0].transpose(0, 1).flatten(1)


@pytest.fixture
def cached_ids(token_rows: torch.Tensor) -> Callable[[LanguageStream], list[int]]:
    """Return a function that reads ids from a cache; -1 stands for rows that no token has."""

    def read(stream: LanguageStream) -> list[int]:
        values = stream.cache.values[0][:, : stream.length]
        rows = values.transpose(0, 1).flatten(1)
        exact = 'donot_use_mm_for_euclid_dist'
        distance, nearest = torch.cdist(rows, token_rows, compute_mode=exact).min(dim=1)
        return torch.where(distance < 1e-3, nearest, -1).tolist()

    return read


@pytest.fixture(scope='session')
def small_folder(tmp_path_factory) -> Path:
    """Return a model folder with random weights and the tokenizer of nano."""
    folder = tmp_path_factory.mktemp('small')
    for name in ('tokenizer.json', 'tokenizer_config.json'):
        shutil.copy(NANO / name, folder)
    size = PretrainedTokenizer(folder).vocab_size
    torch.manual_seed(0)
    save_model(OmniModel(replace(SMALL, llm=replace(SMALL.llm, vocab_size=size))), folder)
    return folder
