# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers that cannot settle say nothing about the world, however sure some of them are."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
import math


@dataclass
class Wavering:
    """Whether the answers about one watch change all the time without a reason.

    A model that sees something wrong does not see it steadily wrong: its answers wander between no
    and yes. Every change of P(yes) counts as its size times how undecided the less decided of the
    two answers is (4 p (1 - p)). So a clear no that becomes a clear yes counts nothing, nor does
    an answer that stays the same, whatever it is. Answers waver when the sum is more than
    ``most``, until it is less than half of that, as monitoring systems handle what flaps.

    most: 0 for never. memory: seconds that are summed up.
    """

    most: float = 3.5
    memory: float = 120.0
    _changes: deque[tuple[float, float]] = field(default_factory=deque)
    _last: float = math.nan
    _wavers: bool = False

    def __bool__(self) -> bool:
        """Return whether the answers waver."""
        return self._wavers and self.most > 0.0

    def note(self, probability: float, time: float) -> None:
        """Take an answer; time: of what it is about [s]."""
        if not math.isnan(self._last):
            undecided = max(4.0 * p * (1.0 - p) for p in (self._last, probability))
            self._changes.append((time, abs(probability - self._last) * undecided))
        self._last = probability
        while self._changes and time - self._changes[0][0] > self.memory:
            self._changes.popleft()
        amount = sum(change for _, change in self._changes)
        self._wavers = amount > (0.5 * self.most if self._wavers else self.most)

    def reset(self) -> None:
        """Forget all answers."""
        self._changes.clear()
        self._last, self._wavers = math.nan, False
