# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The small grammar of times: 'in ten minutes', 'at half past six', 'every day at 7:30'.

    phrase   = 'in' amount | [day] 'at' clock [day] | 'every day at' clock
    amount   = number unit ['and' number unit] | 'half an hour' | 'a quarter of an hour'
               | number 'and a half hours' | 'an hour and a half'
    unit     = 'second(s)' | 'minute(s)' | 'hour(s)' | 'day(s)'
    clock    = H[':'MM] ['am'|'pm'|"o'clock"] | number ["o'clock"] | 'half past' H
               | ['a'] 'quarter past' H | ['a'] 'quarter to' H | M 'past' H | M 'to' H
               | 'noon' | 'midnight'
    day      = 'today' | 'tomorrow'

H up to 12 without am or pm, and not written with minutes after a leading zero, means the next one
of both halves of the day; 'tomorrow at six' means the morning. Numbers are digits or words up to
fifty-nine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
import re
from typing import Optional

from minicpmo_ros.errors import WatchError

_WORDS = (
    'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen '
    'fifteen sixteen seventeen eighteen nineteen'
).split()
_TENS = {'twenty': 20, 'thirty': 30, 'forty': 40, 'fifty': 50}
_UNITS = {'second': 1.0, 'minute': 60.0, 'hour': 3600.0, 'day': 86400.0}
_AMOUNT = re.compile(r'(\S+(?: and a half)?) (second|minute|hour|day)s?( and a half)?')
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d))? ?(am|pm|o'clock)?")
_LONGEST = 366 * 86400.0


@dataclass(frozen=True)
class TimePhrase:
    """A parsed time: either ``seconds`` from now, or a ``clock`` time of a day.

    both_halves: the clock time stands for the morning and the evening.
    """

    seconds: Optional[float] = None
    clock: Optional[time] = None
    both_halves: bool = False
    daily: bool = False
    tomorrow: bool = False

    @property
    def is_relative(self) -> bool:
        """Return whether it counts from now instead of naming a time of day."""
        return self.seconds is not None

    def next_after(self, now: float, zone: tzinfo) -> float:
        """Return the first such time after ``now``, both in seconds since 1970.

        A clock time that a change to daylight saving leaves out comes as much later as the clock
        was put forward; one that happens twice means the first.
        """
        if self.seconds is not None:
            return now + self.seconds
        today = datetime.fromtimestamp(now, zone).date()
        first = 1 if self.tomorrow else 0
        moments = [
            datetime.combine(today + timedelta(days=day), clock, zone).timestamp()
            for day in range(first, first + 3)
            for clock in self._clocks()
        ]
        return min(moment for moment in moments if moment > now)

    def _clocks(self) -> list[time]:
        assert self.clock is not None
        if not self.both_halves:
            return [self.clock]
        return [self.clock, self.clock.replace(hour=(self.clock.hour + 12) % 24)]


def parse_time_phrase(text: str) -> TimePhrase:
    """Return what a phrase means; raise WatchError for one that the grammar does not have."""
    words = re.sub(r'(?<=[a-z])-(?=[a-z])', ' ', text.lower()).replace('.', '')
    words = ' '.join(words.split())
    daily = words.startswith('every day ')
    words = words.removeprefix('every day ')
    tomorrow = not daily and ('tomorrow' in words.split())
    words = ' '.join(word for word in words.split() if word not in ('today', 'tomorrow'))
    if words.startswith('in ') and not daily and not tomorrow:
        return TimePhrase(seconds=_amount(words[3:], text))
    if words.startswith('at '):
        clock, both = _clock(words[3:], text)
        return TimePhrase(
            clock=clock, both_halves=both and not (daily or tomorrow), daily=daily,
            tomorrow=tomorrow,
        )  # fmt: skip
    raise _refusal(text)


def _refusal(text: str) -> WatchError:
    return WatchError(
        f"time {text[:60]!r} is not understood; say e.g. 'in ten minutes', 'at half past six', "
        "'tomorrow at 7:30 am', 'every day at 18:00'"
    )


def _amount(words: str, text: str) -> float:
    if words == 'half an hour':
        return 1800.0
    if words == 'a quarter of an hour':
        return 900.0
    total, rest = 0.0, words
    while rest:
        found = _AMOUNT.match(rest)
        if found is None:
            found = _two_word_amount(rest)
        if found is None:
            raise _refusal(text)
        total += _count(found, text) * _UNITS[found.group(2)]
        rest = rest[found.end() :]
        if rest and not rest.startswith(' and '):
            raise _refusal(text)
        rest = rest.removeprefix(' and ')
    if not 0.0 < total <= _LONGEST:
        raise WatchError(f'{text!r}: a reminder lies within a year')
    return total


def _two_word_amount(rest: str) -> Optional[re.Match[str]]:
    return re.match(r'(\w+ \w+) (second|minute|hour|day)s?( and a half)?', rest)


def _count(found: re.Match[str], text: str) -> float:
    word = found.group(1)
    half = 0.5 if found.group(3) or word.endswith(' and a half') else 0.0
    return _number(word.removesuffix(' and a half'), text, articles=True) + half


def _number(word: str, text: str, articles: bool = False) -> int:
    if word in ('a', 'an') and articles:
        return 1
    if word.isascii() and word.isdigit() and len(word) <= 5:
        return int(word)
    first, _, second = word.partition(' ')
    if first in _TENS and (not second or second in _WORDS[1:10]):
        return _TENS[first] + (_WORDS.index(second) if second else 0)
    if word in _WORDS:
        return _WORDS.index(word)
    raise _refusal(text)


def _clock(words: str, text: str) -> tuple[time, bool]:
    if words in ('noon', 'midnight'):
        return time(12 if words == 'noon' else 0), False
    for pattern, sign in ((r'(.+) past (.+)', 1), (r'(.+) to (.+)', -1)):
        found = re.fullmatch(pattern, words)
        if found is not None:
            return _relative_clock(found.group(1), found.group(2), sign, text)
    found = _CLOCK.fullmatch(words)
    if found is None:
        return _hour_clock(_number(words.removesuffix(" o'clock"), text), text)
    hour, minute, suffix = int(found.group(1)), int(found.group(2) or 0), found.group(3)
    if suffix in ('am', 'pm'):
        if not 1 <= hour <= 12:
            raise _refusal(text)
        return _time(hour % 12 + (12 if suffix == 'pm' else 0), minute, text), False
    exact = hour > 12 or hour == 0 or words.startswith('0')
    return _time(hour, minute, text), not exact


def _relative_clock(minutes: str, hour: str, sign: int, text: str) -> tuple[time, bool]:
    named = {'half': 30, 'quarter': 15, 'a quarter': 15}
    count = named.get(minutes)
    if count is None:
        count = _number(minutes.removesuffix(' minutes'), text)
    if not 0 < count < 60:
        raise _refusal(text)
    base, both = _clock(hour, text)
    moment = datetime(2000, 1, 1, base.hour, base.minute) + timedelta(minutes=sign * count)
    return moment.time(), both


def _hour_clock(hour: int, text: str) -> tuple[time, bool]:
    return _time(hour, 0, text), 1 <= hour <= 12


def _time(hour: int, minute: int, text: str) -> time:
    try:
        return time(hour, minute)
    except ValueError as error:
        raise _refusal(text) from error
