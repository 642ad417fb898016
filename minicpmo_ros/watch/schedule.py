# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Times of day, weekdays and quiet hours in local time; daylight saving is the time zone's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from minicpmo_ros.errors import WatchError

WEEKDAYS = ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')
_SPAN = re.compile(r'(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)')


@dataclass(frozen=True)
class DaySpan:
    """Part of a day; ``end`` before ``begin`` goes over midnight. The end is not part of it."""

    begin: time
    end: time

    def contains(self, moment: time) -> bool:
        """Return whether a time of day lies inside."""
        if self.begin <= self.end:
            return self.begin <= moment < self.end
        return moment >= self.begin or moment < self.end

    def started_yesterday(self, moment: time) -> bool:
        """Return whether a moment inside belongs to a span that began the day before."""
        return self.begin > self.end and moment < self.end


@dataclass(frozen=True)
class Schedule:
    """When a watch is in force.

    times: spans such as '22:00-06:30', none means the whole day.
    weekdays: 'mon' ... 'sun', none means all; a span over midnight belongs to the day it begins.

    :raises WatchError: for anything else.
    """

    times: tuple[str, ...] = ()
    weekdays: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for span in self.times:
            parse_day_span(span)
        for day in self.weekdays:
            if day not in WEEKDAYS:
                raise WatchError(f'weekday {day!r} is not one of {", ".join(WEEKDAYS)}')

    @property
    def is_always(self) -> bool:
        """Return whether nothing is restricted."""
        return not self.times and not self.weekdays

    def is_active(self, moment: datetime) -> bool:
        """Return whether the watch is in force at a local time."""
        if not self.times:
            return self._on_day(moment)
        clock = moment.time()
        for text in self.times:
            span = parse_day_span(text)
            day = moment - timedelta(days=1) if span.started_yesterday(clock) else moment
            if span.contains(clock) and self._on_day(day):
                return True
        return False

    def _on_day(self, day: datetime) -> bool:
        return not self.weekdays or WEEKDAYS[day.weekday()] in self.weekdays


def parse_day_span(text: str) -> DaySpan:
    """Return the span in '22:00-06:30'; raise WatchError for anything else."""
    found = _SPAN.fullmatch(str(text).strip())
    if found is None:
        raise WatchError(f"{text!r} is no span of a day; write it like '22:00-06:30'")
    numbers = [int(group) for group in found.groups()]
    try:
        span = DaySpan(time(*numbers[:2]), time(*numbers[2:]))
    except ValueError as error:
        raise WatchError(f'{text!r}: {error}') from error
    if span.begin == span.end:
        raise WatchError(f'{text!r} is empty; leave times out for the whole day')
    return span


def time_zone(name: str) -> tzinfo:
    """Return a time zone by its name; an empty name is the zone of this machine.

    :raises WatchError: when the name is unknown.
    """
    if not name:
        return _LocalZone()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise WatchError(f"time zone {name!r} is unknown; use e.g. 'Europe/Berlin'") from error


class _LocalZone(tzinfo):
    """The zone of this machine, asked at every moment: its rules follow the system."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        if moment is None:
            return timedelta(0)
        offset = moment.replace(tzinfo=None).astimezone().utcoffset()
        return offset if offset is not None else timedelta(0)

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, moment: datetime | None) -> str:
        return 'local'

    def fromutc(self, moment: datetime) -> datetime:
        """Return the local time of a moment whose fields are in UTC."""
        seconds = (moment.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds()
        local = datetime.fromtimestamp(seconds)
        return local.replace(tzinfo=self)
