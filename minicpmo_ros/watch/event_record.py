# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One event: something that happened, from its first sign to its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass
import enum
import math
from typing import Any, Mapping, NamedTuple

from minicpmo_ros.watch.watch import Severity


class EventType(enum.IntEnum):
    """What a message says about an event; the numbers of ProactiveEvent."""

    OPENED = 0
    UPDATED = 1
    CLOSED = 2


class Origin(enum.IntEnum):
    """Who noticed; the numbers of ProactiveEvent."""

    MODEL = 0
    RULE = 1
    REMINDER = 2
    WATCH = 3


class EventKey(NamedTuple):
    """What makes two happenings the same."""

    watch_id: str
    zone: str
    label: str


@dataclass(frozen=True)
class Happening:
    """A sign that something is happening.

    label: what it is, snake_case. begin, end: of the evidence [s since 1970].
    confidence: [0-1], NaN unknown. cooldown: [s] in which the same is no new event.
    silent: it shall not be said aloud. said: it was said already, by the model itself.
    """

    label: str
    text: str
    begin: float
    end: float
    watch_id: str = ''
    zone: str = ''
    severity: Severity = Severity.NOTICE
    origin: Origin = Origin.WATCH
    confidence: float = math.nan
    cooldown: float = 0.0
    silent: bool = False
    said: bool = False
    model_id: str = ''
    prompt_id: str = ''
    turn_id: int = 0
    epoch: int = 0

    @property
    def key(self) -> EventKey:
        """Return what makes two happenings the same."""
        return EventKey(self.watch_id, self.zone, self.label)


@dataclass(frozen=True)
class EventRecord:
    """An event as it stands now; ``happening`` holds its newest evidence.

    first_seen: begin of the first evidence [s since 1970]. count: signs so far.
    """

    event_id: str
    happening: Happening
    first_seen: float
    count: int = 1
    is_open: bool = True
    spoken: bool = False
    acknowledged: bool = False
    snapshot_sha256: str = ''

    @property
    def acknowledgement_required(self) -> bool:
        """Return whether it repeats until a person acknowledges it."""
        return self.happening.severity is Severity.CRITICAL

    @property
    def is_pressing(self) -> bool:
        """Return whether somebody still has to acknowledge it."""
        return self.acknowledgement_required and not self.acknowledged

    def plain(self) -> dict[str, Any]:
        """Return plain data for JSON; an unknown confidence is None."""
        data = asdict(self)
        happening = data.pop('happening')
        if math.isnan(happening['confidence']):
            happening['confidence'] = None
        happening['severity'] = int(happening['severity'])
        happening['origin'] = int(happening['origin'])
        return {**happening, **data}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> EventRecord:
        """Return the record that ``plain`` wrote; raise KeyError, TypeError or ValueError."""
        own = {name: data[name] for name in _OWN_FIELDS}
        given = {name: value for name, value in data.items() if name not in _OWN_FIELDS}
        given['severity'], given['origin'] = Severity(given['severity']), Origin(given['origin'])
        if given['confidence'] is None:
            given['confidence'] = math.nan
        return cls(happening=Happening(**given), **own)


_OWN_FIELDS = (
    'event_id', 'first_seen', 'count', 'is_open', 'spoken', 'acknowledged', 'snapshot_sha256',
)  # fmt: skip
