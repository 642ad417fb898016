# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np

from minicpmo_ros.stop_phrase.log_mel import BANDS, LogMelStream, log_mel, mel_filters


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=12))
def test_streaming_equals_offline(sizes):
    samples = np.random.default_rng(1).normal(0.0, 0.1, sum(sizes)).astype(np.float32)
    stream, position, frames = LogMelStream(), 0, []
    for size in sizes:
        frames.append(stream.process(samples[position : position + size]))
        position += size
    np.testing.assert_allclose(np.concatenate(frames), log_mel(samples), rtol=1e-5, atol=1e-5)


def test_a_tone_is_found_in_its_band():
    time = np.arange(16000) / 16000
    frames = log_mel(np.sin(2 * np.pi * 1000 * time).astype(np.float32))
    assert frames.shape == (98, BANDS)
    loudest = int(frames[50].argmax())
    assert mel_filters()[32, loudest] > 0.3  # 1000 Hz is bin 32 of 31.25 Hz


def test_too_short_a_block_gives_no_frame():
    assert log_mel(np.zeros(399, np.float32)).shape == (0, BANDS)
