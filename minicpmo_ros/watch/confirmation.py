# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""k of n: one answer is no event, and the less so the more answers contradicted each other."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
import math
from typing import Optional

from minicpmo_ros.watch.wavering import Wavering

# A watch whose answers contradict each other never needs more than so many yes beyond ``needed``,
MOST_EXTRA = 4
# of which so many, at most, for reports that were denied longer ago than ``memory``.
MOST_FOR_OLD_REPORTS = 2


@dataclass(frozen=True)
class FalseStart:
    """An answer, or a report, that the next answer did not repeat.

    denied: the next one said clearly the contrary. of_end: it spoke for the end of a happening.
    reported: it was a report, something that the model said of its own accord.
    """

    time: float
    denied: bool
    of_end: bool
    reported: bool


@dataclass
class Confirmation:
    """Turns answers about one watch into begin and end of a happening.

    It begins when ``needed`` of the last ``window`` answers are yes and ends when so many are a
    clear no; what lies between leaves things as they are. An answer for the other side that the
    next one does not repeat is a false start. Every remembered one of a begin, or of an end, that
    was clearly denied makes both numbers one higher for that; for a begin so does the first one
    that an unsure answer followed. A sight that the model takes now for this and now for that
    begins and ends nothing. Nor do answers that waver.
    threshold: P(yes) from which an answer is a yes. A clear no is as sure as a yes.
    memory: answers before a gap of so many seconds say nothing about now, nor do false starts of
        longer ago.
    report_memory: but those that were reports do for so many seconds.
    """

    needed: int = 2
    window: int = 3
    threshold: float = 0.7
    memory: float = 60.0
    report_memory: float = 60.0
    confirmed: bool = False
    wavering: Wavering = field(default_factory=Wavering)
    _answers: deque[float] = field(default_factory=deque)
    _last: float = -math.inf
    _hinted: float = -math.inf
    _turned: bool = False
    _false_starts: deque[FalseStart] = field(default_factory=deque)

    @property
    def confidence(self) -> float:
        """Return the mean P(yes) of the answers that are yes, NaN when there is none."""
        agreeing = [value for value in self._answers if value >= self.threshold]
        return sum(agreeing) / len(agreeing) if agreeing else math.nan

    def agrees(self, probability: float) -> Optional[bool]:
        """Return whether an answer is a yes (True) or a clear no (False); None: neither."""
        if probability >= self.threshold:
            return True
        return False if probability <= 1.0 - self.threshold else None

    @property
    def in_doubt(self) -> bool:
        """Return whether the newest answer speaks against what holds: ask again soon."""
        if not self._answers or self.wavering:
            return False
        return self.agrees(self._answers[-1]) is (not self.confirmed)

    def update(self, probability: float, time: float) -> Optional[bool]:
        """Take an answer; return True at the begin, False at the end, None in between.

        An unknown answer (NaN) is no answer. time: of what the answer is about [s].
        """
        if math.isnan(probability):
            return None
        self.wavering.note(probability, time)
        return self._take(probability, time)

    def _take(self, probability: float, time: float) -> Optional[bool]:
        if time - self._last > self.memory:
            self._answers.clear()
            self._turned = False
        if self._answers and self._last == self._hinted >= time:
            self._answers.pop()  # the hint came from the same picture, it is no second witness
        reported, self._last = self._last == self._hinted, time
        self._answers.append(probability)
        self._note_false_start(self.agrees(probability), time, reported)
        extra = self.extra
        while len(self._answers) > self.window + extra:
            self._answers.popleft()
        answers = [self.agrees(value) for value in self._answers]
        if answers.count(not self.confirmed) < self.needed + extra:
            return None
        if self.wavering or (self.confirmed and answers.count(True) >= self.needed):
            return None
        self.confirmed, self._turned = not self.confirmed, False
        return self.confirmed

    def suspect(self, time: float) -> bool:
        """Take a hint from elsewhere like the weakest yes; return whether it is true by now.

        An answer about the same moment, or an earlier one, takes the place of the hint.
        """
        self._take(self.threshold, time)
        self._hinted = time
        return self.confirmed

    @property
    def extra(self) -> int:
        """Return how many more answers than ``needed`` have to agree by now."""
        starts = [start for start in self._false_starts if start.of_end is self.confirmed]
        recent = [start for start in starts if self._last - start.time <= self.memory]
        denied = sum(start.denied for start in recent)
        unsure = not self.confirmed and denied < len(recent)
        old = [start for start in starts if self._last - start.time > self.memory]
        reports = sum(start.reported and start.denied for start in old)
        return min(denied + unsure + min(reports, MOST_FOR_OLD_REPORTS), MOST_EXTRA)

    def _note_false_start(self, agrees: Optional[bool], time: float, reported: bool) -> None:
        """Take an answer; reported: the one before it was a report."""
        while self._false_starts and time - self._false_starts[0].time > self.report_memory:
            self._false_starts.popleft()
        change = not self.confirmed
        if self._turned and agrees is not change:
            denied = agrees is self.confirmed
            self._false_starts.append(FalseStart(time, denied, self.confirmed, reported))
        self._turned = agrees is change

    def reset(self) -> None:
        """Forget all answers."""
        self.confirmed, self._turned, self._last, self._hinted = False, False, -math.inf, -math.inf
        self._answers.clear()
        self._false_starts.clear()
        self.wavering.reset()
