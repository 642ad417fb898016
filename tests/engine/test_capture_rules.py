# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""No captured step does what a CUDA graph forbids; checked on the operations each one runs.

A GPU would refuse most of this at the capture; here every operation of every step is looked
at, so a step that could not be captured is found without one.
"""

from collections.abc import Callable

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.latency.model_size import TINY, random_model, speech_factory
from benchmarks.latency.session_engine import IdTokenizer
from minicpmo.duplex_options import DuplexOptions
from minicpmo.duplex_setup import new_chooser
from minicpmo.graph.captured_step import GraphPool, doubling_sizes
from minicpmo.language_stream import LanguageStream
from minicpmo.sampling import SamplingOptions
from minicpmo.special_token import SpecialTokens
from minicpmo.speech.flow_cache import STRIDES, Generation

CPU = torch.device('cpu')
READ_VALUES = {'_local_scalar_dense', 'item', 'is_nonzero', 'equal', 'allclose'}
DATA_DEPENDENT_SHAPES = {'nonzero', 'masked_select', 'unique', '_unique2', 'bincount'}
HOST_CONSTANTS = {'lift_fresh', 'lift_fresh_copy'}
RANDOM = {
    'exponential_', 'normal_', 'uniform_', 'random_', 'rand', 'randn', 'randint', 'multinomial',
    'bernoulli_', 'native_dropout',
}  # fmt: skip
HOST_CHECKS = {'istft', 'stft'}
FORBIDDEN = READ_VALUES | DATA_DEPENDENT_SHAPES | HOST_CONSTANTS | RANDOM | HOST_CHECKS


class Rules(TorchDispatchMode):
    """Collects the names of operations that are forbidden."""

    def __init__(self):
        super().__init__()
        self.broken: set[str] = set()
        self.seen = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        self.seen += 1
        if name in FORBIDDEN:
            self.broken.add(name)
        return function(*args, **(kwargs or {}))


class StrictPool(GraphPool):
    """Warms a step up like a capture, then runs it under the rules."""

    def __init__(self):
        super().__init__(CPU)
        self.steps = 0
        self.broken: set[str] = set()

    def capture(self, step: Callable[[], None]) -> Callable[[], None]:
        step()
        with Rules() as rules:
            assert step() is None, 'a step leaves its results in buffers'
        assert rules.seen
        self.steps += 1
        self.broken |= rules.broken
        return step


@pytest.fixture(scope='module')
def model():
    return random_model(TINY, CPU, torch.float32)


def test_steps_of_the_language_model_follow_the_rules(model):
    pool = StrictPool()
    stream = LanguageStream(model.llm, 1100, pool)
    assert pool.steps == 3 * (1 + 3) + 1
    assert pool.broken == set()
    assert stream.length == 0


@pytest.mark.parametrize(
    'sampling',
    [SamplingOptions(greedy=True), SamplingOptions(), SamplingOptions(top_k=0, listen_top_k=3)],
)
def test_the_choice_follows_the_rules(model, sampling):
    pool, tokenizer = StrictPool(), IdTokenizer(model.config.llm.vocab_size)
    tokens = SpecialTokens.from_tokenizer(tokenizer)
    stream = LanguageStream(model.llm, 600)
    chooser = new_chooser(stream, tokens, tokenizer, DuplexOptions(sampling=sampling), None)
    chooser.capture(pool)
    assert (pool.steps, pool.broken) == (1, set())


@pytest.mark.parametrize('generation', list(Generation), ids=lambda kind: kind.value)
def test_steps_of_the_speech_follow_the_rules(model, generation):
    pool = StrictPool()
    speech_factory(TINY, model, CPU, generation)(pool)
    steps = TINY.sound.flow.n_timesteps
    flow = 2 * sum(len(range(0, steps, stride)) for stride in STRIDES)
    codes = 2 * len(doubling_sizes(512, TINY.model.speech.max_position_embeddings))
    assert pool.steps == codes + flow + 2, 'flow in two sizes, two shapes of the vocoder'
    assert pool.broken == set()


def test_the_rules_find_what_they_forbid():
    pool, values, noise = StrictPool(), torch.ones(4), torch.ones(4)

    def reads():
        noise.fill_(values.sum().item())

    def makes_a_constant():
        values.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))

    def draws():
        noise.exponential_()

    def depends_on_a_value():
        values[:1].copy_(values.nonzero()[0])

    for step in (reads, makes_a_constant, draws, depends_on_a_value):
        pool.capture(step)
    assert pool.broken == {'_local_scalar_dense', 'lift_fresh', 'exponential_', 'nonzero'}
