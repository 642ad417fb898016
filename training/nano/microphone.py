# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The microphone of a conversation whose sounds depend on what the robot says."""

from __future__ import annotations

import numpy as np

from training.nano.audio_window import mix
from training.nano.script_audio import Room, ScriptAudio
from training.nano.sound import scale_to_level
from training.nano.timeline import SoundEvent
from training.nano.voice import SAMPLE_RATE

_LONGEST_SOUND = 30  # seconds kept ready; longer sounds are cut


class Microphone:
    """One room, heard second by second; a sound is announced before the second it begins in."""

    def __init__(self, rng: np.random.Generator, audio: ScriptAudio) -> None:
        self._rng, self._audio = rng, audio
        self._room = Room.draw(rng)
        self._ahead = np.zeros(_LONGEST_SOUND * SAMPLE_RATE, dtype=np.float32)
        self._now = 0

    def add(self, event: SoundEvent) -> None:
        """Let a sound be heard from its start on; what lies in the past is lost."""
        sound = self._audio.sound(self._rng, self._room, event)
        start = round(event.start * SAMPLE_RATE) - self._now
        mix(self._ahead, sound * np.float32(10 ** (event.level / 20)), start)

    def next_second(self) -> np.ndarray:
        """Return float32 [16000] and go on by one second."""
        second = self._ahead[:SAMPLE_RATE].copy()
        self._ahead[:-SAMPLE_RATE] = self._ahead[SAMPLE_RATE:]
        self._ahead[-SAMPLE_RATE:] = 0
        self._now += SAMPLE_RATE
        noise = self._rng.standard_normal(SAMPLE_RATE)
        return np.clip(second + scale_to_level(noise, self._room.noise_level), -1, 1)
