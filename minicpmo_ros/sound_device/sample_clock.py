# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Time of each sample of a device whose clock is not quite ours."""

from __future__ import annotations

from typing import Optional

# A jump beyond this is a gap or a new device, not jitter [s].
JUMP_SECONDS = 0.05
# Share of an error that is followed per block: jitter is smoothed, drift is tracked.
GAIN = 0.02


class SampleClock:
    """Follows the times a device reports for its blocks.

    :param sample_rate: of the numbered samples [Hz].
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.jumps = 0
        self._origin: Optional[float] = None

    def update(self, sample: int, time: float) -> None:
        """Note that a sample was captured at ``time`` [s]."""
        if self._origin is None:
            self._origin = time - sample / self.sample_rate
            return
        error = time - self.time_of(sample)
        if abs(error) > JUMP_SECONDS:
            self.jumps += 1
            self._origin += error
        else:
            self._origin += GAIN * error

    def time_of(self, sample: int) -> float:
        """Return when a sample was, or will be, captured [s]."""
        if self._origin is None:
            raise ValueError('no block was seen yet: call update first')
        return self._origin + sample / self.sample_rate
