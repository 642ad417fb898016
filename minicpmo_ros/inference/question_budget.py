# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How much of the model's time questions between units may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class QuestionBudget:
    """A bucket that fills with ``share`` seconds per second and holds one second's worth.

    A question may begin while something is left; what it takes beyond that is owed and is earned
    first, so the average never exceeds the share.
    """

    share: float
    _left: float = 0.0
    _seen: float = 0.0

    def allows(self, now: float) -> bool:
        """Return whether a question may begin at ``now`` (steady clock [s])."""
        if self.share <= 0.0:
            return False
        self._left = min(self._left + (now - self._seen) * self.share, self.share)
        self._seen = now
        return self._left > 0.0

    def spend(self, seconds: float) -> None:
        """Note how long a question took."""
        self._left -= seconds

    def reset(self) -> None:
        """Begin with an empty bucket."""
        self._left = self._seen = 0.0
