# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from minicpmo_ros.sound_device.sample_clock import SampleClock


def test_jitter_is_smoothed_and_drift_is_followed():
    clock, random = SampleClock(16000), np.random.default_rng(1)
    errors = []
    for block in range(3000):
        true = 5.0 + block * 0.01 * (1 + 200e-6)  # a device that runs 200 ppm slow
        clock.update(block * 160, true + random.normal(0.0, 0.002))
        errors.append(clock.time_of(block * 160) - true)
    assert np.abs(errors[500:]).max() < 0.002


def test_a_gap_is_a_jump():
    clock = SampleClock(16000)
    clock.update(0, 1.0)
    clock.update(160, 3.0)
    assert clock.jumps == 1
    assert clock.time_of(320) == pytest.approx(3.01)


def test_asks_for_a_block_first():
    with pytest.raises(ValueError, match='update'):
        SampleClock(16000).time_of(0)
