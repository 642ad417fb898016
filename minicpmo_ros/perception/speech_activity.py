# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Share of a time span in which a person spoke, from the marks of a speech detector."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
import math

MARKS = 256
# The detector repeats an active mark every 32 ms; without one for this long it has stopped.
MARK_LIFETIME = 0.5


@dataclass
class SpeechActivityState:
    """Marks as (stamp [s], active), sorted by stamp; the oldest falls out."""

    marks: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=MARKS))


class SpeechActivity:
    """Remembers the last marks of a speech detector."""

    def __init__(self) -> None:
        self.state = SpeechActivityState()

    def reset(self) -> None:
        """Forget all marks."""
        self.state = SpeechActivityState()

    def mark(self, stamp: float, active: bool) -> bool:
        """Take a mark and return whether speech just ended with it."""
        marks = self.state.marks
        if marks and stamp < marks[-1][0]:
            return False  # older than what is known: a repeated or reordered message
        ended = bool(marks) and marks[-1][1] and not active
        marks.append((stamp, active))
        return ended

    def active_at(self, time: float) -> bool:
        """Return whether speech goes on at this time [s]."""
        for stamp, active in reversed(self.state.marks):
            if stamp <= time:
                return active and time - stamp <= MARK_LIFETIME
        return False

    def fraction(self, begin: float, end: float) -> float:
        """Return the share of [begin, end) with speech [0-1]; NaN while there is no detector."""
        marks = self.state.marks
        if not marks or end <= begin:
            return math.nan
        total = 0.0
        following = end
        for stamp, active in reversed(marks):
            if active:
                until = min(following, stamp + MARK_LIFETIME, end)
                total += max(until - max(stamp, begin), 0.0)
            following = stamp
            if stamp <= begin - MARK_LIFETIME:
                break
        return min(total / (end - begin), 1.0)
