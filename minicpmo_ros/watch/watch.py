# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One watch: something to notice, or a time to remember."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
import enum
from functools import lru_cache
import math
import re
from typing import Any, Mapping, Optional

from minicpmo_ros.actions.phrase_pattern import PhrasePattern, sentences
from minicpmo_ros.errors import PatternError, WatchError
from minicpmo_ros.watch.condition import question_about
from minicpmo_ros.watch.schedule import Schedule
from minicpmo_ros.watch.time_phrase import TimePhrase, parse_time_phrase

MOST_TEXT = 200
MOST_REPORTS = 16
_ID = re.compile(r'[a-z0-9][a-z0-9_-]{0,63}')
# What a tokenizer could take for structure of the conversation.
_MARKUP = re.compile(r'<[|/\w]')


class WatchKind(enum.Enum):
    """What ends the waiting."""

    EVENT = 'event'
    TIME = 'time'


class Severity(enum.IntEnum):
    """How much an event matters; the numbers of ProactiveEvent."""

    INFO = 0
    NOTICE = 1
    WARNING = 2
    CRITICAL = 3


# A second happening of the same kind within this time [s] is no new event.
COOLDOWN = {
    Severity.INFO: 600.0,
    Severity.NOTICE: 300.0,
    Severity.WARNING: 60.0,
    Severity.CRITICAL: 0.0,
}


@dataclass(frozen=True)
class Watch:
    """A watch as a person stated it, checked.

    text: of an event the condition as a sentence ('the pot boils'), of a reminder what to say.
    when: time phrase of a reminder; due: its next time [s since 1970], None: never again.
    cooldown: seconds, None for that of the severity. silent: an event only, nothing is said.
    expires: when the watch ends by itself [s since 1970], None for never.
    reports: phrases (docs/actions.md) by which the model reports it of its own accord.

    :raises WatchError: when it is empty or contradicts itself.
    """

    id: str
    text: str
    zone: str = ''
    kind: WatchKind = WatchKind.EVENT
    severity: Severity = Severity.NOTICE
    when: str = ''
    due: Optional[float] = None
    schedule: Schedule = field(default_factory=Schedule)
    cooldown: Optional[float] = None
    silent: bool = False
    expires: Optional[float] = None
    reports: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise WatchError(
                f'id {self.id[:64]!r}: use 1 to 64 small letters, digits, "_" and "-"'
            )
        if not any(letter.isalnum() for letter in self.text):
            raise WatchError(f'watch {self.id}: the text is empty; say what to watch for')
        if len(self.text) > MOST_TEXT or len(self.zone) > 64:
            raise WatchError(f'watch {self.id}: a text has {MOST_TEXT} characters at most')
        if _MARKUP.search(self.text + self.zone):
            raise WatchError(f'watch {self.id}: use plain words, without "<"')
        if self.cooldown is not None and not 0.0 <= self.cooldown <= 86400.0:
            raise WatchError(f'watch {self.id}: cooldown {self.cooldown} s is not in [0, 86400]')
        if self.expires is not None and not math.isfinite(self.expires):
            raise WatchError(f'watch {self.id}: expires must be a time')
        self._check_kind()
        if self.silent and self.severity is Severity.CRITICAL:
            raise WatchError(f'watch {self.id}: critical and silent contradict each other')

    def _check_kind(self) -> None:
        if self.kind is WatchKind.TIME and not self.when:
            raise WatchError(f"watch {self.id}: a reminder needs when, e.g. 'in ten minutes'")
        if self.kind is WatchKind.EVENT and (self.when or self.due is not None):
            raise WatchError(f'watch {self.id}: when belongs to reminders (kind: time)')
        if self.kind is WatchKind.TIME and not self.schedule.is_always:
            raise WatchError(f'watch {self.id}: times and weekdays of a reminder stand in when')
        if self.when:
            parse_time_phrase(self.when)
        if len(self.reports) > MOST_REPORTS:
            raise WatchError(f'watch {self.id}: more than {MOST_REPORTS} reports')
        self.is_reported_by('')

    def is_reported_by(self, text: str) -> bool:
        """Return whether one sentence of what the model said reports this."""
        patterns = [_pattern(self.id, report) for report in self.reports]
        said = sentences(text)
        return any(p.match(sentence) is not None for sentence in said for p in patterns)

    @property
    def phrase(self) -> TimePhrase:
        """Return the parsed time of a reminder."""
        return parse_time_phrase(self.when)

    @property
    def effective_cooldown(self) -> float:
        """Return the cooldown in force [s]."""
        return COOLDOWN[self.severity] if self.cooldown is None else self.cooldown

    @property
    def question(self) -> str:
        """Return what the model is asked about an event watch."""
        return question_about(self.text, self.zone)

    def plain(self) -> dict[str, Any]:
        """Return plain data for a JSON file."""
        data = asdict(self)
        return {**data, 'kind': self.kind.value, 'severity': int(self.severity)}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Watch:
        """Return the watch that ``plain`` wrote.

        :raises WatchError: when the data is something else.
        """
        try:
            schedule = Schedule(**{key: tuple(v) for key, v in data['schedule'].items()})
            kind, severity = WatchKind(data['kind']), Severity(data['severity'])
            reports = tuple(data.get('reports', ()))
            given = {'schedule': schedule, 'kind': kind, 'severity': severity, 'reports': reports}
            return cls(**{**data, **given})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise WatchError(f'no watch: {error}') from error


@lru_cache(maxsize=512)
def _pattern(watch_id: str, report: str) -> PhrasePattern:
    try:
        return PhrasePattern(report, {})
    except PatternError as error:
        raise WatchError(f'watch {watch_id}: report {report!r}: {error}') from error


def id_from(text: str) -> str:
    """Return an id made of the words of a text."""
    words = re.findall(r'[a-z0-9]+', text.lower())
    return '-'.join(words)[:48].strip('-') or 'watch'
