# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Gathers what the canceller says every 10 ms into the detector's frames of 32 ms."""

from __future__ import annotations

from typing import Optional

import numpy as np

from minicpmo_ros.sound_device.echo_canceller import LinearPart
from minicpmo_ros.sound_device.near_end_detector import (
    BAND_EDGES,
    BANDS,
    FRAME_SAMPLES,
    EchoFrame,
)

_BIN_EDGES = BAND_EDGES // 50


class EchoTrack:
    """Loudspeaker, residual and expected echo of the samples that the detector has not seen."""

    def __init__(self) -> None:
        self._rendered = np.zeros(0, np.int16)
        self._residual = np.zeros(0, np.int16)
        self._expected: list[np.ndarray] = []
        self._known = True

    def append(self, rendered: np.ndarray, linear: Optional[LinearPart]) -> None:
        """Take in int16 [160] of the loudspeaker and what the canceller's filter said."""
        self._known = linear is not None
        if linear is None:
            return
        self._rendered = np.concatenate([self._rendered, rendered])
        self._residual = np.concatenate([self._residual, linear.residual])
        self._expected.append(linear.expected)

    def take(self, microphone: np.ndarray) -> Optional[EchoFrame]:
        """Return the oldest 32 ms, None from a canceller without a linear filter.

        :param microphone: int16 [512] of the same samples.
        """
        if not self._known:
            return None
        rendered, self._rendered = np.split(self._rendered, [FRAME_SAMPLES])
        residual, self._residual = np.split(self._residual, [FRAME_SAMPLES])
        expected = np.mean(self._expected, axis=0)
        self._expected = self._expected[-1:]
        bands = np.add.reduceat(expected, _BIN_EDGES)[:BANDS]
        return EchoFrame(microphone, residual, rendered, bands)
