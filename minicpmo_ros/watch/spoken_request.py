# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Watches and reminders out of what people, and the assistant itself, say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import re
from typing import Optional

from minicpmo_ros.actions.phrase_pattern import sentences
from minicpmo_ros.errors import WatchError
from minicpmo_ros.watch.time_phrase import parse_time_phrase
from minicpmo_ros.watch.watch import Watch, WatchKind, id_from

_POLITE = r'(?:robot,? |please |could you |can you |will you )*'
_WATCH = re.compile(
    _POLITE + r'(?:tell me|let me know|warn me|alert me) (?:when|if|as soon as) (?P<text>.+)'
    r'|' + _POLITE + r'watch (?:whether|if) (?P<other>.+)',
    re.IGNORECASE,
)
_REMIND = re.compile(_POLITE + r'remind me (?P<rest>.+)', re.IGNORECASE)
_STOP = re.compile(
    _POLITE + r'(?:stop watching|forget the watch(?:es)?|forget (?:the|my) reminders?)'
    r'(?: for (?P<text>.+))?',
    re.IGNORECASE,
)
_PROMISE = re.compile(r"(?:okay,? )?I(?:'ll| will) tell you when (?P<text>.+)", re.IGNORECASE)
_PROMISE_ENDS = re.compile(r"okay,? I(?:'ll)? stop watching", re.IGNORECASE)
_TIME_WORDS = re.compile(r'\b(?:in|at|every day|tomorrow|today)\b', re.IGNORECASE)
SPOKEN = 'spoken-'
NO_TEXT = 'you asked to be reminded'


@dataclass(frozen=True)
class SpokenRequest:
    """add: a watch to add; cancel: what watches to cancel, '' for all that came by speech."""

    add: Optional[Watch] = None
    cancel: Optional[str] = None


def from_user(text: str) -> list[SpokenRequest]:
    """Return what the user's words ask for; raise WatchError when a time is not understood."""
    found = []
    for sentence in sentences(text[:2000]):
        words = sentence.strip(' .!?')
        watch, remind, stop = (p.fullmatch(words) for p in (_WATCH, _REMIND, _STOP))
        if watch is not None:
            found.append(SpokenRequest(add=_event(watch.group('text') or watch.group('other'))))
        elif remind is not None:
            found.append(SpokenRequest(add=_reminder(remind.group('rest'))))
        elif stop is not None:
            found.append(SpokenRequest(cancel=stop.group('text') or ''))
    return found


def from_assistant(text: str) -> list[SpokenRequest]:
    """Return what the assistant promised by itself: a promise is kept by the program."""
    found = []
    for sentence in sentences(text[:2000]):
        words = sentence.strip(' .!')
        promise = _PROMISE.fullmatch(words)
        if promise is not None:
            found.append(SpokenRequest(add=_event(promise.group('text'))))
        elif _PROMISE_ENDS.fullmatch(words):
            found.append(SpokenRequest(cancel=''))
    return found


def require_one_wish(requests: Sequence[SpokenRequest]) -> None:
    """Raise WatchError where one and the same thing is to be watched and not to be watched.

    To call off everything and ask for something new is no contradiction.
    """
    ended = [request.cancel.casefold() for request in requests if request.cancel]
    for request in requests:
        if request.add is None:
            continue
        text = request.add.text
        if any(words in text.casefold() for words in ended):
            raise WatchError(f'{text!r} was asked for and called off in one breath; say which')


def _event(text: str) -> Watch:
    return Watch(SPOKEN + id_from(text), text[:200])


def _reminder(rest: str) -> Watch:
    """Return the reminder in '[to TEXT] WHEN' or 'WHEN to TEXT'."""
    for found in _TIME_WORDS.finditer(rest):
        when, text = rest[found.start() :], rest[: found.start()].strip()
        if not text and ' to ' in when:
            when, text = _split_time_first(when)
        text = (
            re.sub(r'^(?:to|that|about|of) ', '', text).strip(' ,') or 'you asked to be reminded'
        )
        try:
            parse_time_phrase(when)
        except WatchError:
            continue
        name = SPOKEN + id_from(f'{text} {when}')[:56]
        return Watch(name, text[:200], kind=WatchKind.TIME, when=when.lower())
    raise WatchError(f"{rest[:80]!r} names no time; say e.g. 'remind me at six to call Anna'")


def _split_time_first(words: str) -> tuple[str, str]:
    """Split 'at ten to six to call Anna' where the time is longest."""
    cuts = [found.start() for found in re.finditer(' to ', words)]
    for cut in reversed(cuts):
        try:
            parse_time_phrase(words[:cut])
        except WatchError:
            continue
        return words[:cut], words[cut + 4 :]
    return words, ''
