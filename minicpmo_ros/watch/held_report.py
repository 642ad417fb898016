# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the model said unasked is a suspicion: a question decides whether it becomes an event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Optional

from minicpmo_ros.watch.event_record import EventRecord, Happening

# Without any answer for so long the model is taken at its word [s].
UNANSWERED_SECONDS = 5.0
CRITICAL_SECONDS = 2.0
# A doubt that lasts longer is no news any more [s].
LONGEST_DOUBT_SECONDS = 15.0
# So many answers that deny a report refuse it.
DENIALS = 2
# So many that neither agree nor deny leave a critical report standing.
UNSURE_ANSWERS = 2


@dataclass
class HeldReport:
    """A report about a watch that waits for an answer.

    spoken: what is kept if the report is refused: the model did say it. None: nothing.
    since: when it came, on a steady clock [s]. answers, agreements, denials: since then.
    critical: a yes, or two answers none of which is a clear no, are enough to believe it. A late
        alarm costs more than a false one, but a second or two tell them apart.
    extra: so many answers more are needed, since signs of the same before it were denied.
    believed: it opened an event already, which is closed if the report is refused.
    """

    happening: Happening
    picture: bytes
    spoken: Optional[EventRecord]
    since: float
    critical: bool = False
    extra: int = 0
    believed: bool = False
    answers: int = 0
    agreements: int = 0
    denials: int = 0


@dataclass
class HeldReports:
    """At most one report for every watch."""

    _held: dict[str, HeldReport] = field(default_factory=dict)

    def hold(self, report: HeldReport) -> None:
        """Wait with a report; one that repeats another about the same watch adds nothing."""
        self._held.setdefault(report.happening.watch_id, report)

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
        report.agreements += agrees is True
        report.denials += agrees is False
        return self.take(watch_id) if report.denials >= DENIALS else None

    def note_credible(self, watch_id: str) -> Optional[HeldReport]:
        """Return a critical report that the answers allow, once: it is believed from now on."""
        report = self._held.get(watch_id)
        if report is None or not report.critical or report.believed or report.denials:
            return None
        unsure = report.answers < UNSURE_ANSWERS + report.extra
        if report.agreements <= report.extra and unsure:
            return None
        report.believed = True
        return report

    def take_unanswered(self, now: float) -> list[HeldReport]:
        """Return the reports that nobody answers about: they are believed."""
        return self._take_if(
            lambda r: (
                not r.answers
                and now - r.since >= (CRITICAL_SECONDS if r.critical else UNANSWERED_SECONDS)
            )
        )

    def take_doubtful(self, now: float) -> list[HeldReport]:
        """Return the reports that are in doubt for too long: they are refused."""
        return self._take_if(lambda r: r.answers and now - r.since >= LONGEST_DOUBT_SECONDS)

    def _take_if(self, condition: Callable[[HeldReport], object]) -> list[HeldReport]:
        chosen = [report for report in self._held.values() if condition(report)]
        for report in chosen:
            del self._held[report.happening.watch_id]
        return chosen
