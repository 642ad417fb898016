# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Remembers which messages could not be used, and says when to warn about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
import threading

WARNING_SECONDS = 5.0
# A topic whose last problem is older counts as well again [s].
RECENT_SECONDS = 10.0
MOST_TOPICS = 32
LONGEST_REASON = 200


@dataclass
class Rejection:
    """What was wrong on one topic: how often, the last reason, and when (steady time [s])."""

    topic: str
    count: int = 0
    reason: str = ''
    last: float = -math.inf
    warned: float = -math.inf
    silent: int = 0


class RejectionLog:
    """Counts problems by topic; thread safe.

    :param clock: returns steady time [s].
    :param warn: writes a warning; called at most every WARNING_SECONDS per topic.
    """

    def __init__(self, clock: Callable[[], float], warn: Callable[[str], None]) -> None:
        self._clock = clock
        self._warn = warn
        self._lock = threading.Lock()
        self._topics: dict[str, Rejection] = {}

    def note(self, topic: str, reason: str) -> None:
        """Count a problem and warn about it unless that was done just now."""
        now = self._clock()
        with self._lock:
            if topic not in self._topics and len(self._topics) >= MOST_TOPICS:
                topic = 'others'
            entry = self._topics.setdefault(topic, Rejection(topic))
            entry.count += 1
            entry.reason = reason[:LONGEST_REASON]
            entry.last = now
            entry.silent += 1
            if now - entry.warned < WARNING_SECONDS:
                return
            entry.warned = now
            more = f' ({entry.silent} times)' if entry.silent > 1 else ''
            entry.silent = 0
        self._warn(f'{topic}: {entry.reason}{more}')

    def entries(self) -> list[Rejection]:
        """Return all topics with problems since the start."""
        with self._lock:
            return list(self._topics.values())

    def recent(self) -> list[Rejection]:
        """Return the topics with problems in the last RECENT_SECONDS."""
        now = self._clock()
        return [entry for entry in self.entries() if now - entry.last <= RECENT_SECONDS]
