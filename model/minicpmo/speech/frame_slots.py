# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which places of a fixed-size cache hold which mel frames."""

from __future__ import annotations


class FrameSlots:
    """Bookkeeping of an attention cache whose frames may lie in any order.

    The list of frames is kept newest call first, each call's frames in time order, as the
    official caches are; only this order decides what is dropped.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._used: list[int] = []
        self._free = list(range(capacity))

    def __len__(self) -> int:
        """Return how many frames are cached."""
        return len(self._used)

    def reset(self, count: int) -> None:
        """Hold ``count`` frames in the places 0, 1, ... and nothing else."""
        self._used = list(range(count))
        self._free = list(range(count, self.capacity))

    def take(self, count: int) -> list[int]:
        """Return places for ``count`` new frames."""
        assert count <= len(self._free), f'{count} frames for {len(self._free)} free places'
        taken, self._free = self._free[:count], self._free[count:]
        self._used = taken + self._used
        return taken

    def trim(self, first: int, last: int) -> None:
        """Drop all but the ``first`` newest and the ``last`` oldest frames of the list."""
        if len(self._used) > first + last:
            self._free = self._used[first:-last] + self._free
            self._used = self._used[:first] + self._used[-last:]

    def used(self) -> list[int]:
        """Return the places in use."""
        return list(self._used)
