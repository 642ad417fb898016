# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
import torch

from minicpmo.errors import ConfigurationError
from minicpmo.speech.code_sampler import CHAT_SAMPLING, CodeSampler, CodeSampling

COUNT = 40
CPU = torch.device('cpu')


def draw(sampler, scores):
    sampler.refresh()
    return sampler.choose(scores)


def sampler_with(history, rules):
    sampler = CodeSampler(rules, COUNT, CPU)
    for code in history:
        sampler.accept(code)
    return sampler


def softmax(values):
    weights = np.exp(values - values.max())
    return weights / weights.sum()


@settings(max_examples=60, deadline=None)
@given(
    history=st.lists(st.integers(0, COUNT - 2), max_size=40),
    seed=st.integers(0, 1000),
    window=st.integers(1, 20),
)
def test_penalty_counts_the_last_codes(history, seed, window):
    logits = torch.randn(COUNT, generator=torch.Generator().manual_seed(seed))
    rules = CodeSampling(temperature=0.8, penalty=1.05, window=window)
    expected = logits.double().numpy() / 0.8
    for code in history[-window:]:
        expected[code] *= 1.05 if expected[code] < 0 else 1 / 1.05
    scores = sampler_with(history, rules).scores(logits, end_allowed=True)
    np.testing.assert_allclose(scores.numpy(), expected, rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    top_p=st.floats(0.05, 1.0),
    top_k=st.integers(1, COUNT),
    spread=st.floats(0.1, 8.0),
)
def test_filters_keep_the_likeliest_codes(seed, top_p, top_k, spread):
    logits = torch.randn(COUNT, generator=torch.Generator().manual_seed(seed)) * spread
    rules = CodeSampling(temperature=1.0, penalty=1.0, top_p=top_p, top_k=top_k)
    scores = sampler_with([0], rules).scores(logits, end_allowed=True)
    kept = torch.isfinite(scores).sum().item()
    order = logits.argsort(descending=True)
    assert torch.isfinite(scores[order[:kept]]).all()
    mass = softmax(logits[order].double().numpy()).cumsum()
    by_mass = int((mass < top_p - 1e-5).sum()) + 1
    nearly = int((mass < top_p + 1e-5).sum()) + 1
    assert min(max(by_mass, 3), max(top_k, 3)) <= kept <= min(max(nearly, 3), max(top_k, 3))


def test_end_code_is_impossible_before_the_minimum():
    logits = torch.zeros(COUNT)
    logits[-1] = 100.0
    sampler = CodeSampler(CodeSampling(seed=None), COUNT, CPU)
    assert sampler.choose(sampler.scores(logits, end_allowed=True)) == COUNT - 1
    assert sampler.choose(sampler.scores(logits, end_allowed=False)) != COUNT - 1


def test_first_code_is_drawn_without_penalty_and_filters():
    logits = torch.randn(COUNT)
    scores = CodeSampler(CHAT_SAMPLING, COUNT, CPU).scores(logits, end_allowed=True)
    torch.testing.assert_close(scores, logits / 0.8)


def test_draws_follow_the_seed_and_the_distribution():
    logits = torch.tensor([1.0, 0.0, 0.0, -torch.inf])

    def draws(seed):
        sampler = CodeSampler(CodeSampling(temperature=1.0, seed=seed), 4, CPU)
        return [draw(sampler, sampler.scores(logits, True)) for _ in range(3000)]

    first = draws(7)
    assert first == draws(7) != draws(8)
    found = np.bincount(first, minlength=4) / 3000
    np.testing.assert_allclose(found, softmax(logits.double().numpy()), atol=0.03)


def test_reset_repeats_the_draws():
    logits = torch.randn(COUNT)
    sampler = CodeSampler(CodeSampling(seed=3), COUNT, CPU)
    first = [draw(sampler, sampler.scores(logits, True)) for _ in range(20)]
    sampler.reset()
    assert first == [draw(sampler, sampler.scores(logits, True)) for _ in range(20)]


@pytest.mark.parametrize(
    'values',
    [
        {'temperature': 0.0},
        {'temperature': float('nan')},
        {'penalty': -1.0},
        {'window': 0},
        {'top_p': 0.0},
        {'top_p': 1.5},
        {'top_k': 0},
    ],
)
def test_rules_without_distribution_are_refused(values):
    with pytest.raises(ConfigurationError, match=next(iter(values))):
        CodeSampling(**values)
