# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from minicpmo_ros.perception.clock_drift import BINS, ClockDrift

RATE = 16000
BLOCK = 512


def observe_minutes(clock, drift, seconds, jitter=0.0, seed=0):
    """Feed blocks of a device that counts ``drift`` too slowly; return the true time of index."""
    random = np.random.default_rng(seed)
    blocks = int(seconds * RATE / BLOCK)
    for number in range(blocks):
        index = number * BLOCK
        late = random.exponential(jitter) if jitter else 0.0
        clock.observe(index, 1000.0 + index / RATE * (1 + drift) + late)
    return blocks * BLOCK


@pytest.mark.parametrize('drift', [0.0, 1e-4, -1e-4, 5e-4])
def test_exact_stamps_give_exact_drift(drift):
    clock = ClockDrift(RATE)
    end = observe_minutes(clock, drift, 120)
    assert clock.drift == pytest.approx(drift, abs=1e-7)
    assert clock.time_of(end) == pytest.approx(1000 + end / RATE * (1 + drift), abs=1e-5)


def test_jittery_stamps_give_drift_within_a_few_ppm():
    clock = ClockDrift(RATE)
    end = observe_minutes(clock, 1e-4, 300, jitter=0.01)
    assert clock.drift == pytest.approx(1e-4, abs=2e-5)
    assert clock.time_of(end) == pytest.approx(1000 + end / RATE * 1.0001, abs=0.003)


def test_outliers_do_not_move_the_line():
    clock = ClockDrift(RATE)
    for second in range(90):
        late = 0.5 if second % 4 == 0 else 0.0
        clock.observe(second * RATE, 1000.0 + second + late)
    assert clock.time_of(90 * RATE) == pytest.approx(1090.0, abs=1e-3)


def test_absurd_slope_is_bounded():
    clock = ClockDrift(RATE)
    observe_minutes(clock, 0.1, 60)
    assert clock.drift == pytest.approx(1e-3)


def test_memory_is_fixed():
    clock = ClockDrift(RATE)
    observe_minutes(clock, 0.0, 4 * BINS)
    assert clock.state.bin_index.size == BINS


def test_shift_moves_the_line_and_keeps_the_slope():
    clock = ClockDrift(RATE)
    end = observe_minutes(clock, 1e-4, 60)
    before = clock.time_of(end)
    clock.shift(-0.25)
    assert clock.time_of(end) == pytest.approx(before - 0.25)
    for number in range(end // BLOCK, end // BLOCK + 400):
        index = number * BLOCK
        clock.observe(index, 999.75 + index / RATE * 1.0001)
    assert clock.drift == pytest.approx(1e-4, abs=1e-6)


def test_anchor_keeps_what_was_learned_about_the_device():
    clock = ClockDrift(RATE)
    end = observe_minutes(clock, 1e-4, 60)
    clock.anchor(end, 5000.0)
    assert clock.time_of(end + 10 * RATE) == pytest.approx(5010.001, abs=1e-5)


def test_not_anchored_before_the_first_block():
    clock = ClockDrift(RATE)
    assert not clock.anchored
    clock.observe(0, 3.0)
    assert clock.anchored
    assert clock.time_of(RATE) == 4.0
    clock.reset()
    assert not clock.anchored
