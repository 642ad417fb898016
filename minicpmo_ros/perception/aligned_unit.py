# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One second of the conversation: sound and the pictures that belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

import numpy as np

from .frame_selector import Frame, Payload


@dataclass(frozen=True)
class AlignedUnit(Generic[Payload]):
    """One unit; times in ROS seconds.

    audio: int16 [16000] at 16 kHz. frames: newest last.
    inserted_silence: samples of it that stand for sound that never arrived.
    filled: samples of silence after an early end; the next unit begins before them.
    """

    index: int
    begin: float
    end: float
    audio: np.ndarray
    frames: tuple[Frame[Payload], ...]
    frames_dropped: int
    inserted_silence: int
    filled: int
    user_speaking: bool
    speech_fraction: float

    @property
    def closed_early(self) -> bool:
        """Return whether the unit was ended before it was full."""
        return self.filled > 0
