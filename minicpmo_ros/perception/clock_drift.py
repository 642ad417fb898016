# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Time of a sample: a robust line through the stamps of a device with a clock of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import numpy as np

# Crystals are good to 100 ppm; whatever asks for more is not drift.
LARGEST_DRIFT = 1e-3
# A slope is meaningful once the line is this much longer than the jitter of stamps.
SLOPE_BINS = 10
BIN_SECONDS = 1.0
BINS = 60


@dataclass
class ClockDriftState:
    """Line in force and the points it goes through, oldest overwritten first.

    origin_index, origin_time: a point of the line; slope: device seconds to ROS seconds, minus 1.
    bin_index, bin_offset: earliest stamp of each second, as stamp - index / rate - base [s].
    """

    base: Optional[float] = None
    origin_index: int = 0
    origin_time: float = 0.0
    slope: float = 0.0
    bins: int = 0
    bin_index: np.ndarray = field(default_factory=lambda: np.zeros(BINS))
    bin_offset: np.ndarray = field(default_factory=lambda: np.zeros(BINS))
    open_until: int = 0
    open_index: int = 0
    open_offset: float = 0.0


class ClockDrift:
    """Maps sample numbers of a stream to ROS time from the noisy stamps of its blocks.

    A stamp can be late (the driver was not scheduled) but hardly early, so of every second only
    the earliest point counts, and the line through up to a minute of such points is fitted by
    medians (Theil-Sen): a third of the points may be wrong without moving it.
    """

    def __init__(self, sample_rate: int):
        self.sample_rate = sample_rate
        self.state = ClockDriftState()

    def reset(self) -> None:
        """Forget everything; the next observation is the new anchor."""
        self.state = ClockDriftState()

    @property
    def anchored(self) -> bool:
        """Return whether a sample number has a time yet."""
        return self.state.base is not None

    @property
    def drift(self) -> float:
        """Return how much slower than ROS time the device counts, e.g. 5e-5 for 50 ppm."""
        return self.state.slope

    def anchor(self, index: int, stamp: float) -> None:
        """Begin a new line through one point and keep the slope that was learned [s]."""
        slope = self.state.slope
        self.state = ClockDriftState(
            base=stamp - index / self.sample_rate,
            origin_index=index,
            origin_time=stamp,
            slope=slope,
            open_until=index + round(BIN_SECONDS * self.sample_rate),
            open_index=index,
        )

    def shift(self, seconds: float) -> None:
        """Move the whole line and its points, e.g. after samples were lost [s]."""
        self.state.base += seconds
        self.state.origin_time += seconds

    def time_of(self, index: int) -> float:
        """Return the ROS time of the sample with this number [s]."""
        elapsed = (index - self.state.origin_index) / self.sample_rate
        return self.state.origin_time + elapsed * (1.0 + self.state.slope)

    def observe(self, index: int, stamp: float) -> None:
        """Take the stamp of the block that begins with sample ``index``; cheap."""
        state = self.state
        if state.base is None:
            self.anchor(index, stamp)
            return
        offset = stamp - index / self.sample_rate - state.base
        if index >= state.open_until:
            self._close_bin()
            state.open_until = index + round(BIN_SECONDS * self.sample_rate)
            state.open_index, state.open_offset = index, offset
        elif offset < state.open_offset:
            state.open_index, state.open_offset = index, offset

    def _close_bin(self) -> None:
        state = self.state
        slot = state.bins % BINS
        state.bin_index[slot], state.bin_offset[slot] = state.open_index, state.open_offset
        state.bins += 1
        count = min(state.bins, BINS)
        seconds = state.bin_index[:count] / self.sample_rate
        offsets = state.bin_offset[:count]
        if count >= SLOPE_BINS:
            state.slope = _median_slope(seconds, offsets)
        level = float(np.median(offsets - state.slope * seconds))
        state.origin_index = state.open_index
        device_seconds = state.open_index / self.sample_rate
        state.origin_time = state.base + device_seconds * (1.0 + state.slope) + level


def _median_slope(x: np.ndarray, y: np.ndarray) -> float:
    first, second = np.triu_indices(x.size, 1)
    slope = np.median((y[second] - y[first]) / (x[second] - x[first]))
    return float(np.clip(slope, -LARGEST_DRIFT, LARGEST_DRIFT))
