# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from minicpmo import attention_choice
from minicpmo.attention import sdpa
from minicpmo.attention_choice import choose_attention
from minicpmo.config import LanguageConfig
from minicpmo.errors import ConfigurationError
from minicpmo.graph.captured_step import GraphPool
from minicpmo.graph.execution import Execution
from minicpmo.graph.shaped_function import ShapedFunction

CPU = torch.device('cpu')
CONFIG = LanguageConfig(100, 64, 96, 2, 8, 2, head_dim=16)


class RefusingPool(GraphPool):
    """A pool of a CUDA device on which nothing can be captured."""

    def __init__(self):
        super().__init__(CPU)
        self.device = torch.device('cuda')
        self.tries = 0

    def _record(self, step):
        self.tries += 1
        raise RuntimeError('CUDA error: operation not permitted when stream is capturing\nmore')


def test_a_step_that_cannot_be_captured_runs_eagerly_and_says_why(caplog):
    pool, calls = RefusingPool(), []
    steps = [pool.capture(lambda n=n: calls.append(n)) for n in range(2)]
    calls.clear()
    for step in steps:
        step()
    assert calls == [0, 1]
    assert (pool.tries, pool.captured) == (1, 0), 'a device that refused once is not asked again'
    assert 'operation not permitted' in caplog.text
    assert 'not permitted' in Execution(torch.device('cuda'), True).line(pool)


def test_results_of_a_shaped_function_are_the_callers():
    shaped = ShapedFunction(lambda x: (x * 2, x + 1), GraphPool(CPU))
    shaped.prepare(torch.zeros(3))
    first, _ = shaped(torch.ones(3))
    second, _ = shaped(torch.full((3,), 5.0))
    assert (first.tolist(), second.tolist()) == ([2.0] * 3, [10.0] * 3)
    assert shaped(torch.ones(4))[1].tolist() == [2.0] * 4, 'another shape runs as it comes'


@pytest.mark.parametrize(
    ('cuda_graphs', 'device', 'fixed'),
    [
        ('auto', 'cpu', False),
        ('true', 'cpu', True),
        ('false', 'cpu', False),
        ('auto', 'cuda', True),
        ('true', 'cuda', True),
        ('false', 'cuda', False),
    ],
)
def test_one_option_switches_fixed_shapes(cuda_graphs, device, fixed):
    place = torch.device(device)
    chosen = Execution.choose(cuda_graphs, 'sdpa', CONFIG, place, torch.bfloat16)
    assert chosen.fixed_shapes is fixed


def test_an_unknown_choice_is_refused():
    with pytest.raises(ConfigurationError, match='cuda_graphs'):
        Execution.choose('yes', 'auto', CONFIG, CPU, torch.float32)
    with pytest.raises(ConfigurationError, match="attention 'fast'"):
        choose_attention('fast', CONFIG, CPU, torch.float32)


def test_flash_attention_is_refused_where_it_cannot_run():
    with pytest.raises(ConfigurationError, match='needs a CUDA device'):
        choose_attention('flash', CONFIG, CPU, torch.bfloat16)
    with pytest.raises(ConfigurationError, match='needs dtype bfloat16'):
        choose_attention('flash', CONFIG, torch.device('cuda'), torch.float32)
    assert choose_attention('auto', CONFIG, CPU, torch.float32).name == 'sdpa'


def test_flash_attention_has_to_be_installed():
    try:
        import flash_attn  # noqa: F401
    except ImportError:
        cuda = torch.device('cuda')
        with pytest.raises(ConfigurationError, match='needs the package flash-attn'):
            choose_attention('flash', CONFIG, cuda, torch.bfloat16)
        assert choose_attention('auto', CONFIG, cuda, torch.bfloat16).name == 'sdpa'


@pytest.mark.parametrize(('times', 'name'), [((40.0, 20.0), 'flash'), ((20.0, 40.0), 'sdpa')])
def test_the_faster_kernel_is_taken_and_reported(monkeypatch, times, name):
    def other(*arguments):
        return sdpa(*arguments)

    monkeypatch.setattr(attention_choice, 'flash_kernel', lambda: other)
    by_kernel = {sdpa: (times[0], 90.0), other: (times[1], 90.0)}
    choice = choose_attention(
        'auto', CONFIG, torch.device('cuda'), torch.bfloat16, by_kernel.__getitem__
    )
    assert choice.name == name
    assert f'sdpa {times[0]:.0f} / 90' in choice.line() and 'flash' in choice.line()
