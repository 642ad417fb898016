# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""May an event be said aloud now? One table, read from top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import enum

from minicpmo_ros.watch.watch import Severity


class Decision(enum.Enum):
    """SPEAK now, HOLD until a pause, or stay SILENT for good."""

    SPEAK = 'speak'
    HOLD = 'hold'
    SILENT = 'silent'


@dataclass(frozen=True)
class Room:
    """Who talks. engine_ready: the model runs. user_silence: [s] since the last user speech."""

    engine_ready: bool = True
    user_speaking: bool = False
    user_silence: float = 60.0
    robot_speaking: bool = False
    quiet_hours: bool = False


@dataclass(frozen=True)
class AnnouncementOptions:
    """Limits of speech.

    pause: the user must have been silent so long [s]. patience: an announcement that could not
    be made for so long is no news any more [s]. spacing: between two announcements [s].
    answer: its words are expected within this time [s], else it was not said and is tried again,
    ``attempts`` times at most.
    """

    pause: float = 1.5
    patience: float = 60.0
    spacing: float = 5.0
    answer: float = 6.0
    attempts: int = 1
    max_proactive_per_hour: int = 12


@dataclass(frozen=True)
class Candidate:
    """An event that wants to be said.

    waited: [s] so far. since_last: [s] since any announcement. said_this_hour: announcements.
    """

    severity: Severity
    silent: bool = False
    acknowledged: bool = False
    waited: float = 0.0
    since_last: float = 3600.0
    said_this_hour: int = 0

    @property
    def is_critical(self) -> bool:
        """Return whether it is more important than silence."""
        return self.severity is Severity.CRITICAL


Condition = Callable[[Candidate, Room, AnnouncementOptions], bool]

TABLE: tuple[tuple[str, Condition, Decision], ...] = (
    ('the watch is silent', lambda c, r, o: c.silent, Decision.SILENT),
    ('acknowledged', lambda c, r, o: c.acknowledged, Decision.SILENT),
    ('quiet hours', lambda c, r, o: r.quiet_hours and not c.is_critical, Decision.SILENT),
    (
        'said enough this hour',
        lambda c, r, o: c.said_this_hour >= o.max_proactive_per_hour and not c.is_critical,
        Decision.SILENT,
    ),
    ('no news any more', lambda c, r, o: c.waited > o.patience and not c.is_critical,
     Decision.SILENT),
    ('the model is away', lambda c, r, o: not r.engine_ready, Decision.HOLD),
    ('the user speaks', lambda c, r, o: r.user_speaking, Decision.HOLD),
    ('the pause is too short', lambda c, r, o: r.user_silence < o.pause, Decision.HOLD),
    ('the robot speaks', lambda c, r, o: r.robot_speaking, Decision.HOLD),
    ('just announced something', lambda c, r, o: c.since_last < o.spacing, Decision.HOLD),
    ('nobody speaks', lambda c, r, o: True, Decision.SPEAK),
)  # fmt: skip


def decide(candidate: Candidate, room: Room, options: AnnouncementOptions) -> tuple[Decision, str]:
    """Return the decision and the name of the first row that applies."""
    for name, applies, decision in TABLE:
        if applies(candidate, room, options):
            return decision, name
    raise AssertionError('the last row always applies')
