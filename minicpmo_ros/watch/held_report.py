# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the model said unasked is a suspicion: a question decides whether it becomes an event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from minicpmo_ros.watch.event_record import EventRecord, Happening

# Without any answer for so long the model is taken at its word [s].
UNANSWERED_SECONDS = 5.0
# A doubt that lasts longer is no news any more [s].
LONGEST_DOUBT_SECONDS = 15.0
# So many answers that deny a report refuse it.
DENIALS = 2


@dataclass
class HeldReport:
    """A report about a watch that waits for an answer.

    spoken: what is kept if the report is refused: the model did say it. None: nothing.
    believed: it opened an event already, which is closed if the report is refused.
    since: when it came, on a steady clock [s]. answers, denials: since then.
    """

    happening: Happening
    picture: bytes
    spoken: Optional[EventRecord]
    since: float
    believed: bool = False
    answers: int = 0
    denials: int = 0


@dataclass
class HeldReports:
    """At most one report for every watch."""

    _held: dict[str, HeldReport] = field(default_factory=dict)

    def hold(self, report: HeldReport) -> Optional[HeldReport]:
        """Wait with a report; return the earlier one about the same watch that it replaces."""
        earlier = self.take(report.happening.watch_id)
        self._held[report.happening.watch_id] = report
        return earlier

    def complete(self, watch_id: str, picture: bytes, spoken: EventRecord) -> None:
        """Add what was not known when the report came."""
        report = self._held.get(watch_id)
        if report is not None and report.spoken is None:
            report.picture, report.spoken = picture, spoken

    def take(self, watch_id: str) -> Optional[HeldReport]:
        """Return the report about a watch and forget it; None when there is none."""
        return self._held.pop(watch_id, None)

    def __contains__(self, watch_id: str) -> bool:
        """Return whether a report about a watch waits."""
        return watch_id in self._held

    def note_answer(self, watch_id: str, agrees: Optional[bool]) -> Optional[HeldReport]:
        """Take an answer about a watch; return the report that it refuses, if any.

        agrees: False for a clear no, None for neither yes nor no.
        """
        report = self._held.get(watch_id)
        if report is None:
            return None
        report.answers += 1
        report.denials += agrees is False
        return self.take(watch_id) if report.denials >= DENIALS else None

    def take_unanswered(self, now: float) -> list[HeldReport]:
        """Return the reports that nobody answers about: they are believed."""
        return self._take_older(now, UNANSWERED_SECONDS, answered=False)

    def take_doubtful(self, now: float) -> list[HeldReport]:
        """Return the reports that are in doubt for too long: they are refused."""
        return self._take_older(now, LONGEST_DOUBT_SECONDS, answered=True)

    def _take_older(self, now: float, seconds: float, answered: bool) -> list[HeldReport]:
        held = list(self._held.values())
        older = [r for r in held if bool(r.answers) == answered and now - r.since >= seconds]
        for report in older:
            del self._held[report.happening.watch_id]
        return older

    def reset(self) -> None:
        """Forget all of them."""
        self._held.clear()
