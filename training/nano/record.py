# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is noted about conversations: requests, events, overlaps, and speech without reason."""

from __future__ import annotations

from dataclasses import dataclass, field
import math
from typing import Optional

_WATCH_LIMIT = 2
_FALL_LIMIT = 3


@dataclass
class RequestRecord:
    """One request: when it ended [s], when the answer began, what was said, whether right."""

    intent: str
    wording: str
    end: float
    answer_unit: Optional[int] = None
    text: str = ''
    right: bool = False
    accepted: tuple[str, ...] = ()

    @property
    def end_unit(self) -> int:
        """Return the unit in which the request ended."""
        return math.floor(self.end)

    @property
    def delay(self) -> Optional[int]:
        """Return the units from the end of the request to the answer, None without one."""
        return None if self.answer_unit is None else self.answer_unit - self.end_unit


@dataclass
class EventRecord:
    """Something to be reported unasked: a watch name or 'fall'.

    unit: first picture that shows it; opened: unit of the watch's confirmation.
    waited: units in which it could have been reported but was not.
    moot: before it was late, somebody called the watch off or the thing was over.
    """

    name: str
    unit: int
    opened: int
    waited: int = 0
    moot: bool = False
    said_unit: Optional[int] = None


@dataclass
class OverlapRecord:
    """Somebody talked while the robot did: did it yield?"""

    unit: int
    yielded: bool = False


@dataclass
class Record:
    """Everything noted about one or many conversations."""

    units: int = 0
    silent_units: int = 0
    silent_kept: int = 0
    speaking_units: int = 0
    requests: list[RequestRecord] = field(default_factory=list)
    events: list[EventRecord] = field(default_factory=list)
    talk_overs: list[OverlapRecord] = field(default_factory=list)
    backchannels: list[OverlapRecord] = field(default_factory=list)
    false_reminders: list[str] = field(default_factory=list)
    false_alerts: list[str] = field(default_factory=list)
    other_false: list[str] = field(default_factory=list)
    causeless_yields: int = 0
    seconds: list[float] = field(default_factory=list)

    def extend(self, other: Record) -> None:
        """Add another record to this one."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def is_on_time(event: EventRecord) -> bool:
    """Return whether an event was reported within the allowed units.

    For a watch, units in which people talk to each other or to the robot do not count.
    """
    if event.said_unit is None:
        return False
    if event.name == 'fall':
        return event.said_unit - event.unit <= _FALL_LIMIT
    return not is_late(event)


def is_late(event: EventRecord) -> bool:
    """Return whether a watch could have been reported for longer than allowed."""
    return event.waited > _WATCH_LIMIT
