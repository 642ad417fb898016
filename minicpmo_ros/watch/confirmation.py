# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""k of n: one answer is no event."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
import math
from typing import Optional


@dataclass
class Confirmation:
    """Turns answers about one watch into begin and end of a happening.

    It begins when ``needed`` of the last ``window`` answers are yes and ends when so many are no.
    threshold: P(yes) from which an answer is a yes.
    """

    needed: int = 2
    window: int = 3
    threshold: float = 0.7
    confirmed: bool = False
    _answers: deque[float] = field(default_factory=deque)

    @property
    def confidence(self) -> float:
        """Return the mean P(yes) of the answers that are yes, NaN when there is none."""
        agreeing = [value for value in self._answers if value >= self.threshold]
        return sum(agreeing) / len(agreeing) if agreeing else math.nan

    def update(self, probability: float) -> Optional[bool]:
        """Take an answer; return True at the begin, False at the end, None in between.

        An unknown answer (NaN) is no answer.
        """
        if math.isnan(probability):
            return None
        self._answers.append(probability)
        while len(self._answers) > self.window:
            self._answers.popleft()
        agreeing = sum(value >= self.threshold for value in self._answers)
        opposing = len(self._answers) - agreeing
        if not self.confirmed and agreeing >= self.needed:
            self.confirmed = True
            return True
        if self.confirmed and opposing >= self.needed and agreeing < self.needed:
            self.confirmed = False
            return False
        return None

    def reset(self) -> None:
        """Forget all answers."""
        self.confirmed = False
        self._answers.clear()
