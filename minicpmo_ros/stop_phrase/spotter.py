# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Listens to a stream for stop phrases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from minicpmo_ros.errors import ParameterError
from minicpmo_ros.stop_phrase.log_mel import BANDS, HOP, SAMPLE_RATE, LogMelStream
from minicpmo_ros.stop_phrase.network import FRAMES, StopPhraseNetwork

# The network looks every 80 ms; a phrase must be found in two looks of three.
LOOK_FRAMES = 8
LOOKS, NEEDED = 3, 2
REFRACTORY_SECONDS = 1.5
# Quieter than this nobody speaks to the robot; saves the network in silence [dBFS].
SILENCE = -55.0


@dataclass(frozen=True)
class Spotted:
    """A phrase that was heard, and how sure the network is [0-1]."""

    phrase: str
    confidence: float


class StopPhraseSpotter:
    """Finds phrases in 16 kHz audio.

    :param phrases: those to react to; empty for all that the network knows.
    :param threshold: probability that a look must reach; training has shifted the outputs so that
        0.5 suits every phrase.
    """

    def __init__(
        self,
        phrases: Sequence[str] = (),
        threshold: float = 0.5,
        network: Optional[StopPhraseNetwork] = None,
    ) -> None:
        self._network = network or StopPhraseNetwork.load()
        known = self._network.phrases
        unknown = [phrase for phrase in phrases if phrase not in known]
        if unknown:
            raise ParameterError(
                f'stop phrases {unknown} are not known; known: {", ".join(known)}'
            )
        self._wanted = [
            index for index, name in enumerate(known) if name in phrases or not phrases
        ]
        self.threshold = threshold
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self._mel = LogMelStream()
        self._window = np.full((FRAMES, BANDS), np.log(1e-7), np.float32)
        self._unseen = 0
        self._recent: list[np.ndarray] = []
        self._quiet_frames = 0
        self._refractory = 0

    def process(self, samples: np.ndarray) -> Optional[Spotted]:
        """Take in samples, int16 [n], and return a phrase that has just been heard."""
        frames = self._mel.process(samples.astype(np.float32) / np.float32(32768.0))
        found = None
        for frame in frames:
            self._window = np.concatenate([self._window[1:], frame[None]])
            self._unseen += 1
            self._refractory = max(self._refractory - 1, 0)
            if self._unseen >= LOOK_FRAMES:
                self._unseen = 0
                found = self._look(samples) or found
        return found

    def _look(self, samples: np.ndarray) -> Optional[Spotted]:
        level = np.sqrt(np.mean(np.square(samples, dtype=np.float64))) / 32768.0
        self._quiet_frames = 0 if level > 10 ** (SILENCE / 20) else self._quiet_frames + 1
        if self._quiet_frames > 6:
            self._recent.clear()
            return None
        probabilities = self._network.probabilities(self._window)[1:]
        self._recent = [*self._recent[-LOOKS + 1 :], probabilities]
        if self._refractory:
            return None
        counts = (np.array(self._recent) >= self.threshold).sum(axis=0)
        for index in self._wanted:
            if counts[index] >= NEEDED:
                self._refractory = int(REFRACTORY_SECONDS * SAMPLE_RATE / HOP)
                confidence = float(max(look[index] for look in self._recent))
                return Spotted(self._network.phrases[index], confidence)
        return None
