# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Watches that could never do what they say, or that contradict one another.

What a watch alone can be wrong in stands in ``watch.py``; here is what depends on the clock, on
the other watches, and on the quiet hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from minicpmo_ros.errors import WatchError
from minicpmo_ros.watch.schedule import parse_day_span
from minicpmo_ros.watch.watch import Severity, Watch, WatchKind


def require_consistent(
    watch: Watch, others: Iterable[Watch], quiet_hours: Sequence[str], now: float, zone: tzinfo
) -> None:
    """Raise WatchError, with value and remedy, for a watch that contradicts something.

    others: all other watches in force. quiet_hours: spans of the day in which only critical
    events are said. now: seconds since 1970. zone: of the times of day.
    """
    if watch.expires is not None:
        _require_time_left(watch, watch.expires, now, zone)
    _require_sayable(watch, quiet_hours, now, zone)
    for other in others:
        _require_compatible(watch, other)


def _require_time_left(watch: Watch, expires: float, now: float, zone: tzinfo) -> None:
    left = expires - now
    if left <= 0.0:
        raise WatchError(
            f'watch {watch.id}: it would be over already, expires lies {-left:.0f} s behind us;'
            ' give a later time, or leave expires out'
        )
    if watch.kind is WatchKind.TIME:
        if expires < watch.phrase.next_after(now, zone):
            raise WatchError(
                f'watch {watch.id}: it expires before its time comes ({watch.when!r});'
                ' give a later time, or leave expires out'
            )
        return
    if not watch.schedule.is_ever_active(now, expires, zone):
        raise WatchError(
            f'watch {watch.id}: it expires in {left:.0f} s, before its times'
            f' ({_words(watch)}) begin; let it last longer, or change its times'
        )
    if watch.cooldown is not None and watch.cooldown > left:
        raise WatchError(
            f'watch {watch.id}: its cooldown of {watch.cooldown:.0f} s outlasts it, it expires in'
            f' {left:.0f} s; give a shorter cooldown, or let it last longer'
        )


def _require_sayable(watch: Watch, quiet_hours: Sequence[str], now: float, zone: tzinfo) -> None:
    if watch.silent or watch.severity is Severity.CRITICAL:
        return
    if watch.kind is WatchKind.TIME:
        due = datetime.fromtimestamp(watch.phrase.next_after(now, zone), zone)
        if any(parse_day_span(span).contains(due.time()) for span in quiet_hours):
            raise WatchError(
                f'watch {watch.id}: it could never be said, {due:%H:%M} is in quiet_hours'
                f' {", ".join(quiet_hours)}; make it silent or critical, or choose another time'
            )
        return
    if watch.schedule.is_covered_by(quiet_hours):
        raise WatchError(
            f'watch {watch.id}: it could never be said, quiet_hours {", ".join(quiet_hours)} cover'
            f' all its times ({_words(watch)}); make it silent or critical, or change its times'
        )


def _require_compatible(watch: Watch, other: Watch) -> None:
    """Refuse to watch the same thing twice at the same time, alike or otherwise."""
    if _thing(watch) != _thing(other):
        return
    if watch.kind is WatchKind.TIME:
        if watch.when == other.when:
            raise WatchError(f'watch {other.id} says the same already; change that one')
        return
    if watch.schedule == other.schedule and _manner(watch) == _manner(other):
        raise WatchError(f'watch {other.id} says the same already; change that one')
    if watch.schedule.overlaps(other.schedule):
        raise WatchError(
            f'watch {watch.id}: watch {other.id} waits for the same ({other.text!r}) at times that'
            f' overlap ({_words(other)}), and says it otherwise; change that one, or give'
            ' times that do not overlap'
        )


def _thing(watch: Watch) -> tuple[str, str, WatchKind]:
    return watch.text.casefold(), watch.zone, watch.kind


def _manner(watch: Watch) -> tuple[Severity, bool, float]:
    return watch.severity, watch.silent, watch.effective_cooldown


def _words(watch: Watch) -> str:
    schedule = watch.schedule
    return ' '.join((*schedule.weekdays, *schedule.times)) or 'always'
