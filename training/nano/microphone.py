# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Mixes the sounds of a script into what the microphone hears, second by second."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from training.nano.audio_window import SoundBank, fade, mix
from training.nano.sound import convolve, residual_echo, room_response, scale_to_level
from training.nano.timeline import Script, SoundEvent
from training.nano.utterance import UtterancePool
from training.nano.voice import SAMPLE_RATE, Voice, synthesize

ROBOT_VOICE = Voice('espeak', 'en-us')
_NOISES = ('white', 'pink', 'brown', 'band', 'hum', 'fan')
_LONGEST_SOUND = 30  # seconds kept ready; longer sounds are cut


class Microphone:
    """One room: an echo response, a noise floor, and everything that sounds in it.

    Sounds may be announced until the unit in which they begin.
    """

    def __init__(self, rng: np.random.Generator, pool: UtterancePool, bank: SoundBank) -> None:
        self._rng, self._pool, self._bank = rng, pool, bank
        self._household = tuple(
            name for name in bank.names if name not in _NOISES and name != 'music'
        )
        self._echo = room_response(rng) if rng.random() < 0.6 else None
        self._floor = float(rng.uniform(-60, -30))
        self._ahead = np.zeros(_LONGEST_SOUND * SAMPLE_RATE, dtype=np.float32)
        self._now = 0

    def add(self, event: SoundEvent) -> None:
        """Let a sound be heard from its start on; what lies in the past is lost."""
        start = round(event.start * SAMPLE_RATE) - self._now
        mix(self._ahead, self._sound(event), start)

    def next_second(self) -> np.ndarray:
        """Return float32 [16000] and go on by one second."""
        second = self._ahead[:SAMPLE_RATE].copy()
        self._ahead[:-SAMPLE_RATE] = self._ahead[SAMPLE_RATE:]
        self._ahead[-SAMPLE_RATE:] = 0
        self._now += SAMPLE_RATE
        second += scale_to_level(self._rng.standard_normal(SAMPLE_RATE), self._floor)
        return np.clip(second, -1, 1)

    def _sound(self, event: SoundEvent) -> np.ndarray:
        if event.kind == 'own_voice':
            echo = residual_echo(self._rng, robot_voice(event.text))
            return echo * 10 ** (event.level / 20)
        if event.utterance >= 0:
            return self._speech(event) * 10 ** (event.level / 20)
        samples = round(event.seconds * SAMPLE_RATE)
        sound = self._bank.cut(self._rng, self._noise_name(event.kind), samples)
        return fade(scale_to_level(sound, event.level))

    def _speech(self, event: SoundEvent) -> np.ndarray:
        sound = self._pool.audio(event.utterance).astype(np.float32) / 32768
        if event.kind == 'television':
            return convolve(residual_echo(self._rng, sound), room_response(self._rng))
        return sound if self._echo is None else convolve(sound, self._echo)

    def _noise_name(self, kind: str) -> str:
        names = {'music': ('music',), 'noise': _NOISES, 'household': self._household}[kind]
        return names[int(self._rng.integers(len(names)))]


@lru_cache(maxsize=1024)
def robot_voice(text: str) -> np.ndarray:
    """Return float32 [n]: the text of one unit in the robot's voice at normal level."""
    return synthesize(ROBOT_VOICE, text).astype(np.float32) / 32768


def record(
    script: Script, rng: np.random.Generator, pool: UtterancePool, bank: SoundBank
) -> np.ndarray:
    """Return float32 [units * 16000]: the whole script as the microphone hears it."""
    microphone = Microphone(rng, pool, bank)
    events = iter([*script.sounds, None])
    event = next(events)
    seconds = []
    for unit in range(len(script.units)):
        while event is not None and event.start < unit + 1:
            microphone.add(event)
            event = next(events)
        seconds.append(microphone.next_second())
    return np.concatenate(seconds)
