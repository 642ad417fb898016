# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A pool whose readings are also played a little faster or slower: more voices from one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.nano.utterance import UtterancePool

_FACTORS = np.exp(np.linspace(-0.18, 0.18, 9))
_UNCHANGED = len(_FACTORS) // 2
_CHANGED_SHARE = 0.75


@dataclass(frozen=True)
class VariedReading:
    """One reading at one speed; ``index`` finds its samples, ``seconds`` is its length."""

    index: int
    seconds: float


class VariedPool:
    """Picks readings at random speeds, which moves pitch and formants together."""

    def __init__(self, pool: UtterancePool) -> None:
        self._pool = pool

    def texts(self, kind: str) -> list[str]:
        """Return the distinct sentences of a kind."""
        return self._pool.texts(kind)

    def pick(self, rng: np.random.Generator, text: str) -> VariedReading:
        """Return one reading of the sentence at a random speed.

        Raises:
            KeyError: nobody in the pool says this sentence.
        """
        reading, speed = self._pool.pick(rng, text), _UNCHANGED
        if rng.random() < _CHANGED_SHARE:
            speed = int(rng.integers(len(_FACTORS)))
        index = reading.index * len(_FACTORS) + speed
        return VariedReading(index, reading.seconds / float(_FACTORS[speed]))

    def audio(self, index: int) -> np.ndarray:
        """Return float32 [n] at 16 kHz, in the range of int16."""
        reading, speed = divmod(index, len(_FACTORS))
        sound = self._pool.audio(reading).astype(np.float32)
        if speed == _UNCHANGED:
            return sound
        places = np.arange(0, len(sound) - 1, _FACTORS[speed])
        return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)

    def phones(self, index: int) -> list[tuple[str, float]]:
        """Return name and end [s] of every sound of a reading."""
        reading, speed = divmod(index, len(_FACTORS))
        factor = float(_FACTORS[speed])
        return [(name, end / factor) for name, end in self._pool.utterances[reading].phones]
