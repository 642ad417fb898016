# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fewer steps of the flow: less work, and nothing of it left in the next full turn."""

import pytest
import torch

from minicpmo.speech.flow import diffusion_times, strided_steps
from minicpmo.speech.flow_cache import STRIDES


@pytest.fixture
def stream(token2wav, prompt):
    voice = token2wav.prepare_voice(prompt)
    return token2wav.new_stream(voice)


@pytest.fixture
def evaluations(token2wav, monkeypatch):
    """Return a list that grows by one with every run of the estimator."""
    runs, estimator = [], token2wav.flow.decoder.estimator
    forward = estimator.forward

    def count(*arguments):
        runs.append(1)
        return forward(*arguments)

    monkeypatch.setattr(estimator, 'forward', count)
    return runs


def flow(stream, codes) -> torch.Tensor:
    return stream._token2wav.flow(codes, stream.flow_state, False)


@pytest.mark.parametrize('stride', STRIDES)
def test_strided_steps_cover_the_same_time(stride):
    times, widths = diffusion_times(10)
    steps = strided_steps(list(times), widths.tolist(), stride)
    assert len(steps) == -(-10 // stride)
    reached = 0.0
    for index, time, width in steps:
        assert time == times[index] and float(time) == pytest.approx(reached, abs=1e-6)
        reached += width
    assert reached == pytest.approx(1.0, abs=1e-6)


def test_steps_of_a_larger_stride_are_among_those_of_a_smaller_one():
    indices = [{i for i, _, _ in strided_steps([0] * 10, [0.1] * 10, s)} for s in STRIDES]
    assert indices[2] < indices[1] < indices[0]


def test_half_of_the_steps_is_half_of_the_runs(stream, codes, evaluations):
    steps = stream.flow_steps
    flow(stream, codes(12))
    assert len(evaluations) == steps
    evaluations.clear()
    stream.flow_state.want(2)
    mel = flow(stream, codes(12, 1))
    assert len(evaluations) == -(-steps // 2) and torch.isfinite(mel).all()


def test_more_steps_come_back_with_the_next_turn_only(stream, codes, evaluations):
    stream.flow_state.want(2)
    flow(stream, codes(12))
    stream.flow_state.want(1)
    evaluations.clear()
    flow(stream, codes(12, 1))
    assert len(evaluations) == -(-stream.flow_steps // 2)
    stream.reset_turn()
    evaluations.clear()
    flow(stream, codes(12, 2))
    assert len(evaluations) == stream.flow_steps


def test_a_turn_in_few_steps_leaves_no_trace(token2wav, stream, prompt, codes):
    fresh = token2wav.new_stream(token2wav.prepare_voice(prompt))
    stream.flow_state.want(2)
    flow(stream, codes(20))
    flow(stream, codes(20, 1))
    stream.flow_state.want(1)
    stream.reset_turn()
    for seed in (2, 3):
        torch.testing.assert_close(
            flow(stream, codes(20, seed)), flow(fresh, codes(20, seed)), rtol=0, atol=1e-5
        )
