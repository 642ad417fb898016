# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Notices when the wall clock was set, by comparing it with a steady one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

# Below this, a difference is the clock being steered, not set [s].
SMALLEST_JUMP = 2.0


@dataclass
class ClockJump:
    """Remembers the distance of both clocks."""

    _distance: Optional[float] = None

    def update(self, wall: float, steady: float) -> float:
        """Return by how much the wall clock was set since the last call [s], 0 if it was not."""
        distance = wall - steady
        last, self._distance = self._distance, distance
        if last is None or abs(distance - last) < SMALLEST_JUMP:
            return 0.0
        return distance - last

    def reset(self) -> None:
        """Forget the distance."""
        self._distance = None
