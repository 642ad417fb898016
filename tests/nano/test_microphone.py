# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from training.nano.audio_window import SoundBank
from training.nano.microphone import Microphone
from training.nano.script_audio import ScriptAudio
from training.nano.timeline import SoundEvent


class Pool:
    def audio(self, index: int) -> np.ndarray:
        return np.full(16000, 1600, dtype=np.int16)


@pytest.fixture
def microphone() -> Microphone:
    return Microphone(np.random.default_rng(1), ScriptAudio(Pool(), SoundBank(1, 10)))


def loudness(second: np.ndarray) -> list[float]:
    return [float(np.sqrt((part**2).mean())) for part in second.reshape(4, 4000)]


def test_sound_is_heard_when_it_begins_and_across_seconds(microphone):
    quiet = loudness(microphone.next_second())
    microphone.add(SoundEvent('speech', 1.5, 1.0, 0, 0.0))
    first, second, third = (loudness(microphone.next_second()) for _ in range(3))
    assert max(first[:2]) < 2 * max(quiet) + 1e-3
    assert min(first[2:]) > 0.02 and min(second[:2]) > 0.02
    assert max(third) < 0.02


def test_level_is_in_decibels():
    def peak(level: float) -> float:
        microphone = Microphone(np.random.default_rng(1), ScriptAudio(Pool(), SoundBank(1, 10)))
        microphone.add(SoundEvent('speech', 0.25, 1.0, 0, level))
        return loudness(microphone.next_second())[2]

    assert peak(0.0) / peak(-12.0) == pytest.approx(4.0, rel=0.15)


def test_generated_sounds_and_format(microphone):
    microphone.add(SoundEvent('music', 0.0, 2.0, -1, 0.0))
    second = microphone.next_second()
    assert second.shape == (16000,) and np.abs(second).max() <= 1
    assert max(loudness(second)) > 0.01


def test_the_past_is_lost(microphone):
    quiet = max(loudness(microphone.next_second()))
    microphone.add(SoundEvent('speech', -5.0, 1.0, 0, 0.0))
    assert max(loudness(microphone.next_second())) < 2 * quiet + 1e-3
