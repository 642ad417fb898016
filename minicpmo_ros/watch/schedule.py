# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Times of day, weekdays and quiet hours in local time; daylight saving is the time zone's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from functools import lru_cache
import math
import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from minicpmo_ros.errors import WatchError

WEEK_SECONDS = 7 * 86400
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

    def overlaps(self, other: Schedule) -> bool:
        """Return whether both are in force at some time of the week."""
        return bool(self.minutes & other.minutes)

    def is_covered_by(self, spans: Sequence[str]) -> bool:
        """Return whether these spans of every day leave no minute of it."""
        return bool(spans) and self.minutes <= Schedule(tuple(spans)).minutes

    @property
    def minutes(self) -> frozenset[int]:
        """Return the minutes of a week [0, 10080) in which it is in force, Monday first."""
        return _minutes_of(self)

    def is_ever_active(self, begin: float, end: float, zone: tzinfo) -> bool:
        """Return whether it is in force at some time of [begin, end), seconds since 1970."""
        if end - begin >= WEEK_SECONDS:
            return bool(self.minutes)
        moments = [*range(math.ceil(begin), math.ceil(end), 60), begin]
        return any(self.is_active(datetime.fromtimestamp(at, zone)) for at in moments)

    def _on_day(self, day: datetime) -> bool:
        return not self.weekdays or WEEKDAYS[day.weekday()] in self.weekdays


@lru_cache(maxsize=256)
def _minutes_of(schedule: Schedule) -> frozenset[int]:
    monday = datetime(2024, 1, 1)
    week = (monday + timedelta(minutes=minute) for minute in range(WEEK_SECONDS // 60))
    return frozenset(i for i, moment in enumerate(week) if schedule.is_active(moment))


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
