# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What was said in the open turn, so that an interruption can keep only what was heard."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Optional

from minicpmo.protocol import Heard

MAX_UNITS = 64
"""Units remembered of one turn; speech older than a minute has been heard."""
SHORTEST = 1e-6
"""Seconds; keeps a unit without sound from dividing by zero."""


@dataclass
class SpokenUnit:
    """One unit of a turn: its ids and the length of its speech [s]."""

    index: int
    ids: tuple[int, ...]
    seconds: float


@dataclass
class TurnRecord:
    """The units of the open turn, oldest first, and the seconds of those no longer kept."""

    decode: Callable[[list[int]], str]
    units: deque[SpokenUnit] = field(default_factory=deque)
    forgotten_seconds: float = 0.0
    forgotten_text_length: int = 0

    def reset(self) -> None:
        """Begin a new turn."""
        self.units.clear()
        self.forgotten_seconds = 0.0
        self.forgotten_text_length = 0

    def append(self, unit: SpokenUnit) -> None:
        """Add what the newest unit said."""
        self.units.append(unit)
        if len(self.units) > MAX_UNITS:
            oldest = self.units.popleft()
            self.forgotten_seconds += oldest.seconds
            self.forgotten_text_length += _length(self.decode(list(oldest.ids)))

    @property
    def first_index(self) -> Optional[int]:
        """Return in which unit the turn began; None when nothing was said, or too long ago."""
        if not self.units or self.forgotten_text_length or self.forgotten_seconds:
            return None
        return self.units[0].index

    @property
    def seconds(self) -> float:
        """Return the length of the whole turn's speech [s]."""
        return self.forgotten_seconds + sum(unit.seconds for unit in self.units)

    def heard_counts(self, heard: Heard) -> dict[int, int]:
        """Return for every remembered unit how many of its ids were heard.

        With ``heard.text`` only its length counts: it is a beginning of the turn. Otherwise the
        text of a unit is spread evenly over its speech. A turn without any speech was read on a
        screen: all of it counts as heard.
        """
        if heard.text is not None:
            return self._counts_by_text(_length(heard.text))
        return self._counts_by_time(heard.seconds)

    def _counts_by_text(self, length: int) -> dict[int, int]:
        said: list[int] = []
        counts = {}
        for unit in self.units:
            counts[unit.index] = 0
            for token in unit.ids:
                said.append(token)
                if self.forgotten_text_length + _length(self.decode(said)) > length:
                    break
                counts[unit.index] += 1
        return counts

    def _counts_by_time(self, seconds: float) -> dict[int, int]:
        if self.seconds == 0.0:
            return {unit.index: len(unit.ids) for unit in self.units}
        left = seconds - self.forgotten_seconds
        counts = {}
        for unit in self.units:
            heard = max(left, 0.0)
            share = 1.0 if left >= unit.seconds else heard / max(unit.seconds, SHORTEST)
            counts[unit.index] = int(share * len(unit.ids))
            left -= unit.seconds
        return counts


def _length(text: str) -> int:
    """Return the number of characters that are not white space."""
    return sum(not character.isspace() for character in text)
