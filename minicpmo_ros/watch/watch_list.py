# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All watches in force: add, change, cancel; what is due, active, or over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Optional

from minicpmo_ros.errors import WatchError
from minicpmo_ros.watch.contradiction import require_consistent
from minicpmo_ros.watch.watch import Watch, WatchKind

MOST_WATCHES = 100


@dataclass(frozen=True)
class DueReminder:
    """A reminder whose time has come; ``late`` seconds ago."""

    watch: Watch
    late: float


@dataclass
class WatchList:
    """Watches by id, in the order in which they came. Times are seconds since 1970.

    zone: time zone of times of day. limit: most watches at a time. quiet_hours: spans of the day
    in which only critical events are said.
    """

    zone: tzinfo
    limit: int = MOST_WATCHES
    quiet_hours: tuple[str, ...] = ()
    _watches: dict[str, Watch] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._watches)

    def all(self) -> list[Watch]:
        """Return all watches."""
        return list(self._watches.values())

    def get(self, watch_id: str) -> Optional[Watch]:
        """Return a watch, None when there is none."""
        return self._watches.get(watch_id)

    def add(self, watch: Watch, now: float) -> Watch:
        """Add a watch and return it with the time it is due.

        :raises WatchError: when it is one too many, there already, or already over.
        """
        if watch.id in self._watches:
            raise WatchError(f'watch {watch.id} exists; change or cancel it')
        if len(self._watches) >= self.limit:
            raise WatchError(f'there are {self.limit} watches already; cancel one first')
        return self._store(watch, now)

    def change(self, watch: Watch, now: float) -> Watch:
        """Replace the watch with the same id; raise WatchError when there is none."""
        if watch.id not in self._watches:
            raise WatchError(f'there is no watch {watch.id}; {self._known()}')
        return self._store(watch, now)

    def cancel(self, watch_id: str) -> list[Watch]:
        """Remove one watch, or all for an empty id; return them.

        :raises WatchError: when there is no such watch.
        """
        if not watch_id:
            removed = self.all()
            self._watches.clear()
            return removed
        if watch_id not in self._watches:
            raise WatchError(f'there is no watch {watch_id[:64]}; {self._known()}')
        return [self._watches.pop(watch_id)]

    def restore(self, watches: Iterable[Watch]) -> None:
        """Take in stored watches as they are; more than the limit are left out."""
        for watch in watches:
            if len(self._watches) < self.limit:
                self._watches[watch.id] = watch

    def take_expired(self, now: float) -> list[Watch]:
        """Remove and return the watches whose time is over."""
        over = [w for w in self.all() if w.expires is not None and w.expires <= now]
        for watch in over:
            del self._watches[watch.id]
        return over

    def take_due(self, now: float) -> list[DueReminder]:
        """Return the reminders whose time has come; daily ones stay, the others are over."""
        due = [w for w in self.all() if w.due is not None and w.due <= now]
        for watch in due:
            if watch.phrase.daily:
                following = watch.phrase.next_after(now, self.zone)
                self._watches[watch.id] = replace(watch, due=following)
            else:
                del self._watches[watch.id]
        return [DueReminder(watch, now - watch.due) for watch in due if watch.due is not None]

    def move_clock(self, jump: float, now: float) -> None:
        """Follow a jump of the clock by ``jump`` seconds to ``now``.

        'in ten minutes' keeps its distance; times of day are those of the new clock, and one that
        was passed by the jump is due at once.
        """
        for watch in self.all():
            if watch.kind is not WatchKind.TIME or watch.due is None:
                continue
            if watch.phrase.is_relative:
                moved = watch.due + jump
            elif jump < 0 and watch.phrase.daily:
                moved = watch.phrase.next_after(now, self.zone)
            else:
                moved = watch.due
            self._watches[watch.id] = replace(watch, due=moved)

    def active_events(self, now: float) -> list[Watch]:
        """Return the event watches in force now."""
        local = datetime.fromtimestamp(now, self.zone)
        events = (w for w in self._watches.values() if w.kind is WatchKind.EVENT)
        return [watch for watch in events if watch.schedule.is_active(local)]

    def _store(self, watch: Watch, now: float) -> Watch:
        others = [other for other in self._watches.values() if other.id != watch.id]
        require_consistent(watch, others, self.quiet_hours, now, self.zone)
        if watch.kind is WatchKind.TIME:
            watch = replace(watch, due=watch.phrase.next_after(now, self.zone))
        self._watches[watch.id] = watch
        return watch

    def _known(self) -> str:
        return f'known: {", ".join(self._watches)[:200] or "none"}'
