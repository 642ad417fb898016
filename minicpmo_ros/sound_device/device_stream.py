# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What all sources of audio blocks have in common."""

from __future__ import annotations

from dataclasses import dataclass
import enum
from typing import Protocol

import numpy as np


class StreamState(enum.Enum):
    """Whether blocks are coming."""

    CLOSED = 'closed'
    SEARCHING = 'searching'
    RUNNING = 'running'


@dataclass(frozen=True)
class StreamStatus:
    """Health of a stream.

    overruns, underruns: of the device since the start. openings: how often it was opened.
    """

    state: StreamState
    detail: str
    sample_rate: int
    overruns: int = 0
    underruns: int = 0
    openings: int = 0


class StreamHandler(Protocol):
    """What a stream does with its blocks; called from the stream's own threads."""

    def opened(self, sample_rate: int) -> None:
        """Prepare for blocks at a rate [Hz]; always before the first of them."""

    def exchange(
        self, microphone: np.ndarray, capture_time: float, playback_time: float
    ) -> np.ndarray:
        """Take a block of the microphone, return that of the loudspeaker; must be quick.

        :param microphone: float32 [n]; empty means that there is none, render one block.
        :param capture_time: of the first sample of the microphone [s, monotonic clock].
        :param playback_time: when the first returned sample will be heard [s].
        """


class DeviceStream(Protocol):
    """Something that exchanges blocks with a handler in real time."""

    def start(self) -> None:
        """Begin; returns at once, whether there is a device or not."""

    def stop(self) -> None:
        """End all threads; idempotent."""

    def status(self) -> StreamStatus:
        """Return the health."""
