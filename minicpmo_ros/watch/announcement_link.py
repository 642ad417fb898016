# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which of its turns the model used to say an event."""

from __future__ import annotations

from dataclasses import dataclass
import math
import re

# The model begins to speak within this time after it was asked to, or it was not for that [s].
BEGIN_SECONDS = 8.0


@dataclass
class AnnouncementLink:
    """Connects the newest announcement with the turn that follows it. Times are a steady clock.

    A turn counts as the announcement when it begins soon after it, and as spoken when it has a
    word in common with it, of four letters or more where there are such: what the model really
    said is not assumed.
    """

    _event_id: str = ''
    _words: frozenset[str] = frozenset()
    _asked: float = -math.inf
    _turn: int = -1

    def announced(self, event_id: str, text: str, now: float) -> None:
        """Note that the model was asked to say an event."""
        self._event_id, self._words, self._asked = event_id, _words(text), now
        self._turn = -1

    def note_text(self, turn_id: int, text: str, now: float) -> str:
        """Take words of a turn; return the id of the event once it turns out to be said."""
        if not self._belongs(turn_id, now) or not self._event_id:
            return ''
        if not self._words & _words(text):
            return ''
        said, self._event_id = self._event_id, ''
        return said

    def is_announcement(self, turn_id: int, now: float) -> bool:
        """Return whether an unasked turn of the model is the announcement it was asked for."""
        return self._belongs(turn_id, now)

    def _belongs(self, turn_id: int, now: float) -> bool:
        if turn_id == self._turn:
            return True
        if self._turn != -1 or now - self._asked > BEGIN_SECONDS:
            return False
        self._turn = turn_id
        return True

    def reset(self) -> None:
        """Forget the announcement."""
        self._event_id, self._words, self._asked = '', frozenset(), -math.inf
        self._turn = -1


def _words(text: str) -> frozenset[str]:
    words = re.findall(r'\w+', text.casefold())
    return frozenset(word for word in words if len(word) >= 4) or frozenset(words)
