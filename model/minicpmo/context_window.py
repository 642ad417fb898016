# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a conversation forgets when it grows: pure bookkeeping, no tensors."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
import enum
from typing import Optional

from minicpmo.errors import ConfigurationError


class WindowMode(enum.Enum):
    """How the cache is kept from growing.

    OFF: not at all; a full cache is an error.
    BASIC: above ``high`` tokens whole units are dropped, oldest first, down to ``low``.
    CONTEXT: at most ``max_units`` units are kept; what was said in dropped ones is carried over
    as text behind the system prompt.
    """

    OFF = 'off'
    BASIC = 'basic'
    CONTEXT = 'context'


@dataclass(frozen=True)
class WindowOptions:
    """Limits of the context window; sizes in tokens.

    marker: text put before the carried-over text.
    renewed_units: CONTEXT: down to how many units a full window forgets; what the model knows of
        these is then computed anew, as if the conversation had begun with them. None: one unit is
        forgotten at a time, and the others stay as they were computed, with all that was there
        before them in view, as in the official code.
    """

    mode: WindowMode = WindowMode.OFF
    high: int = 4000
    low: int = 3500
    max_units: int = 24
    previous_max: int = 500
    marker: str = '\n\nprevious: '
    renewed_units: Optional[int] = None

    def __post_init__(self) -> None:
        """Raise ConfigurationError for limits that contradict each other."""
        if not 0 < self.low <= self.high:
            raise ConfigurationError(
                f'window low {self.low} and high {self.high}: use 0 < low <= high'
            )
        if self.max_units < 1 or self.previous_max < 0:
            raise ConfigurationError(
                f'max_units {self.max_units}, previous_max {self.previous_max}: use at least'
                ' one unit and no negative number of tokens'
            )
        if self.renewed_units is not None and not 0 < self.renewed_units <= self.max_units:
            raise ConfigurationError(
                f'renewed_units is {self.renewed_units}; use 1 to max_units ({self.max_units})'
            )

    @property
    def renews(self) -> bool:
        """Return whether what stays is computed anew whenever units were forgotten."""
        return self.mode is WindowMode.CONTEXT and self.renewed_units is not None


@dataclass
class UnitRecord:
    """What is remembered of one unit.

    length: cache rows including terminator and ``</unit>``.
    ids: decoded ids without the first one.
    """

    index: int
    length: int
    ids: list[int] = field(default_factory=list)
    is_listen: bool = True


@dataclass(frozen=True)
class CarriedToken:
    """One carried-over id and where it was said: unit index and position in ``ids``."""

    index: int
    position: int
    token: int


@dataclass(frozen=True)
class WindowChange:
    """What has to happen in the cache after units were forgotten.

    Before: prefix | ``previous_rows`` | suffix | units. ``removed_rows`` oldest rows of the
    units go; if ``previous_ids`` is not None, these and the suffix are computed anew.
    """

    previous_rows: int
    removed_rows: int
    previous_ids: Optional[tuple[int, ...]]

    def first_row(self, prefix_rows: int, suffix_rows: int) -> int:
        """Return where the oldest unit begins in the cache before the change."""
        return prefix_rows + self.previous_rows + suffix_rows


@dataclass
class ContextWindow:
    """The units in the cache and the text carried over from forgotten ones.

    prefix_rows, suffix_rows: rows of the system prompt before and after the carried-over text.
    carried: tells whether an id may be carried over (structure and special tokens may not).
    """

    options: WindowOptions
    prefix_rows: int
    suffix_rows: int
    marker_ids: Sequence[int]
    carried: Callable[[int], bool]
    units: deque[UnitRecord] = field(default_factory=deque)
    dropped_units: int = 0
    _content: list[CarriedToken] = field(default_factory=list)
    _in_cache: tuple[int, ...] = ()

    def reset(self) -> None:
        """Forget all units and the carried-over text."""
        self.units.clear()
        self.dropped_units = 0
        self._content.clear()
        self._in_cache = ()

    @property
    def preserved_rows(self) -> int:
        """Return the rows in front of the first unit."""
        return self.prefix_rows + len(self._in_cache) + self.suffix_rows

    @property
    def previous_ids(self) -> tuple[int, ...]:
        """Return marker and carried-over ids; empty as long as nothing was carried over."""
        if not self._content:
            return ()
        return (*self.marker_ids, *self.content_ids)

    @property
    def content_ids(self) -> list[int]:
        """Return the carried-over ids without the marker."""
        return [carried.token for carried in self._content]

    def append(self, record: UnitRecord) -> None:
        """Remember a finished unit."""
        self.units.append(record)
        if self.options.mode is WindowMode.OFF and len(self.units) > 1:
            self.units.popleft()  # never needed again; keeps an endless list from growing

    def exceeded(self, cache_rows: int) -> bool:
        """Return whether the window has to be moved at this length."""
        if self.options.mode is WindowMode.BASIC:
            return cache_rows > self.options.high
        if self.options.mode is WindowMode.CONTEXT:
            return len(self.units) > self.options.max_units
        return False

    def slide(self, cache_rows: int) -> Optional[WindowChange]:
        """Forget what exceeds the limits; None if nothing does."""
        if not self.exceeded(cache_rows):
            return None
        if self.options.mode is WindowMode.BASIC:
            return self._forget(lambda freed: cache_rows - freed > self.options.low)
        kept = self.options.renewed_units or self.options.max_units
        return self._forget(lambda _: len(self.units) > kept)

    def make_room(self, rows: int) -> Optional[WindowChange]:
        """Forget the oldest units until ``rows`` rows are freed; None if there are none."""
        if self.options.mode is WindowMode.OFF or not self.units:
            return None
        return self._forget(lambda freed: freed < rows)

    def _forget(self, more: Callable[[int], bool]) -> WindowChange:
        """Forget units, oldest first, while ``more(rows freed so far)``."""
        before, removed = self._in_cache, 0
        while self.units and more(removed - len(self.previous_ids) + len(before)):
            record = self.units.popleft()
            removed += record.length
            self.dropped_units += 1
            self._carry(record)
        self._in_cache = self.previous_ids
        changed = self._in_cache != before
        return WindowChange(len(before), removed, self._in_cache if changed else None)

    def _carry(self, record: UnitRecord) -> None:
        """Append what was said in a forgotten unit to the carried-over text."""
        if self.options.mode is not WindowMode.CONTEXT or record.is_listen:
            return
        for position, token in enumerate(record.ids):
            if self.carried(token):
                self._content.append(CarriedToken(record.index, position, token))
        del self._content[: max(0, len(self._content) - self.options.previous_max)]

    def keep_heard(self, heard: dict[int, int]) -> None:
        """Keep only the first ``heard[index]`` ids of the units named; others stay whole.

        Applies to units in the cache and to text already carried over; carried-over text is
        corrected in the cache when the window moves next.
        """
        for record in self.units:
            if record.index in heard:
                del record.ids[heard[record.index] :]
        self._content = [
            carried
            for carried in self._content
            if carried.position < heard.get(carried.index, carried.position + 1)
        ]
