# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from minicpmo_ros.perception.audio_message import Sound
from minicpmo_ros.perception.microphone_stream import MicrophoneStream


def test_native_rate_is_passed_on_bit_by_bit():
    samples = np.arange(512, dtype=np.int16)
    stamp, output = MicrophoneStream().convert(5.0, Sound(samples, 16000))
    assert stamp == 5.0
    assert np.array_equal(output, samples)


@pytest.mark.parametrize('rate', [8000, 44100, 48000, 96000])
def test_stamps_follow_the_resampled_samples(rate):
    stream, produced = MicrophoneStream(), 0
    block = rate // 50
    for number in range(100):
        sound = Sound(np.full(block, 0.25, np.float32), rate)
        stamp, samples = stream.convert(100 + number * 0.02, sound)
        assert stamp == pytest.approx(100 + produced / 16000, abs=1e-4)
        produced += samples.size
    assert produced == pytest.approx(32000, abs=40)
    assert np.abs(samples - 8192).max() <= 1


def test_change_of_rate_starts_again():
    stream = MicrophoneStream()
    stream.convert(0.0, Sound(np.zeros(960, np.float32), 48000))
    stamp, samples = stream.convert(0.02, Sound(np.ones(320, np.int16), 16000))
    assert stamp == 0.02
    assert samples.size == 320


def test_jump_of_time_does_not_mix_old_samples_in():
    stream = MicrophoneStream()
    stream.convert(0.0, Sound(np.ones(960, np.float32), 48000))
    stamp, samples = stream.convert(50.0, Sound(np.zeros(960, np.float32), 48000))
    assert stamp == 50.0
    assert not samples.any()


def test_level_is_that_since_the_last_call():
    stream = MicrophoneStream()
    assert math.isnan(stream.take_level())
    wave = (np.sin(np.arange(16000) * 0.1) * 32767).astype(np.int16)
    stream.convert(0.0, Sound(wave, 16000))
    assert stream.take_level() == pytest.approx(-3.01, abs=0.02)
    stream.convert(1.0, Sound(np.zeros(100, np.int16), 16000))
    assert stream.take_level() == pytest.approx(-100)
