# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
import torch

from minicpmo.checks.speech_decoder_check import load_speech_decoder
from minicpmo.checks.token2wav_check import load_token2wav, recorded_prompt
from minicpmo.checks.vectors import Vectors
from minicpmo.speech.flow_cache import Generation

TINY = Path(__file__).parents[1] / 'data' / 'minicpmo45'


@pytest.fixture(scope='session', autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope='session')
def recorded():
    return Vectors(TINY)


@pytest.fixture(scope='session')
def decoder(recorded):
    return load_speech_decoder(recorded)


@pytest.fixture(scope='session')
def prompt(recorded):
    return recorded_prompt(recorded)


@pytest.fixture(scope='session', params=list(Generation), ids=lambda kind: kind.value)
def token2wav(recorded, request):
    return load_token2wav(recorded, request.param)


@pytest.fixture(scope='session')
def original(recorded):
    return load_token2wav(recorded, Generation.ORIGINAL)


@pytest.fixture
def hidden():
    """Return random hidden states for a number of tokens."""

    def make(count: int, seed: int = 0) -> torch.Tensor:
        return torch.randn(count, 256, generator=torch.Generator().manual_seed(seed))

    return make


@pytest.fixture
def codes():
    """Return random speech codes."""

    def make(count: int, seed: int = 0) -> list[int]:
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(6561, (count,), generator=generator).tolist()

    return make
