# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One event per happening: opened, updated, closed; announced once, at the right moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Optional

from minicpmo_ros.watch.announcement import (
    AnnouncementOptions,
    Candidate,
    Decision,
    Room,
    decide,
)
from minicpmo_ros.watch.event_record import EventKey, EventRecord, EventType, Happening

HOUR = 3600.0
# Events that are over are kept for cooldown; this many at most.
MOST_EVENTS = 1000


@dataclass(frozen=True)
class PublishCommand:
    """Tell the world how an event stands."""

    record: EventRecord
    type: EventType


@dataclass(frozen=True)
class SpeakCommand:
    """Let the assistant say it now."""

    record: EventRecord


Command = PublishCommand | SpeakCommand


@dataclass
class _Entry:
    """An event with its times on the steady clock [s].

    wants_voice: since when it waits to be said, None when it does not.
    asked: when the assistant was last asked to say it, None once it did or nobody waits for it.
    waiting_since: ``wants_voice`` at that time. attempts: how often it was asked for one saying.
    """

    record: EventRecord
    opened: float
    updated: float
    repeated: float
    wants_voice: Optional[float] = None
    asked: Optional[float] = None
    waiting_since: Optional[float] = None
    attempts: int = 0

    def be_silent(self) -> None:
        """Ask for no saying any more."""
        self.wants_voice = self.asked = None
        self.attempts = 0


@dataclass
class EventPolicy:
    """Decides what becomes an event and what is said; times are a steady clock [s].

    update_period: an open event is published again at most so often [s].
    repeat_period: a critical event repeats so often until it is acknowledged [s].
    """

    make_id: Callable[[], str]
    options: AnnouncementOptions = field(default_factory=AnnouncementOptions)
    update_period: float = 10.0
    repeat_period: float = 30.0
    _entries: dict[EventKey, _Entry] = field(default_factory=dict)
    _said: deque[float] = field(default_factory=deque)

    def records(self) -> list[EventRecord]:
        """Return the events that are open or not yet acknowledged."""
        records = (entry.record for entry in self._entries.values())
        return [record for record in records if record.is_open or record.is_pressing]

    def restore(self, record: EventRecord, now: float) -> None:
        """Take in an event that was not acknowledged before a restart."""
        self._entries[record.happening.key] = _Entry(record, now, now, now, now)

    def report(self, happening: Happening, now: float) -> list[Command]:
        """Take a sign that something is happening."""
        entry = self._entries.get(happening.key)
        if happening.said:
            self._said.append(now)
        if entry is None or self._is_new(entry, happening, now):
            return self._open(happening, now)
        return self._update(entry, happening, now)

    def close(self, key: EventKey, end: float) -> list[Command]:
        """End the event with that key; ``end`` is in seconds since 1970."""
        entry = self._entries.get(key)
        if entry is None or not entry.record.is_open:
            return []
        happening = replace(entry.record.happening, end=end)
        entry.record = replace(entry.record, happening=happening, is_open=False)
        return [PublishCommand(entry.record, EventType.CLOSED)]

    def acknowledge(self, event_id: str) -> list[Command]:
        """Acknowledge one event, or for an empty id all that wait for it."""
        commands: list[Command] = []
        for entry in self._entries.values():
            record = entry.record
            if (record.event_id == event_id or not event_id) and record.is_pressing:
                entry.record = replace(record, acknowledged=True)
                entry.be_silent()
                commands.append(PublishCommand(entry.record, EventType.UPDATED))
        return commands

    def spoken(self, event_id: str, turn_id: int, epoch: int) -> list[Command]:
        """Note that an event is really being said, in that turn."""
        entry = self._find(event_id)
        if entry is None:
            return []
        entry.be_silent()
        happening = replace(entry.record.happening, turn_id=turn_id, epoch=epoch)
        entry.record = replace(entry.record, happening=happening, spoken=True)
        return [PublishCommand(entry.record, EventType.UPDATED)]

    def note_snapshot(self, event_id: str, sha256: str) -> None:
        """Remember the hash of the picture that was kept with an event."""
        entry = self._find(event_id)
        if entry is not None:
            entry.record = replace(entry.record, snapshot_sha256=sha256)

    def note_said(self, now: float) -> None:
        """Count something that the model said unasked, of its own accord."""
        self._said.append(now)

    def forget(self, event_id: str) -> None:
        """Drop one event, or all for an empty id: it was deleted."""
        for key, entry in list(self._entries.items()):
            if entry.record.event_id == event_id or not event_id:
                del self._entries[key]

    def forget_watch(self, watch_id: str, end: float) -> list[Command]:
        """Stop everything that belongs to a watch: it was cancelled."""
        commands: list[Command] = []
        for key, entry in self._entries.items():
            if key.watch_id == watch_id:
                entry.be_silent()
                commands += self.close(key, end)
        return commands

    def tick(self, room: Room, now: float) -> list[Command]:
        """Repeat what is critical and say at most one thing, if this is the moment."""
        self._prune(now)
        return self._repeat(now) + self._announce(room, now)

    def _is_new(self, entry: _Entry, happening: Happening, now: float) -> bool:
        return not entry.record.is_open and now - entry.opened >= happening.cooldown

    def _open(self, happening: Happening, now: float) -> list[Command]:
        record = EventRecord(self.make_id(), happening, happening.begin, spoken=happening.said)
        silent = happening.silent or happening.said
        wants = None if silent else now
        self._entries.pop(happening.key, None)  # the newest stand last
        self._entries[happening.key] = _Entry(record, now, now, now, wants)
        return [PublishCommand(record, EventType.OPENED)]

    def _update(self, entry: _Entry, happening: Happening, now: float) -> list[Command]:
        old = entry.record
        spoken = old.spoken or happening.said
        merged = happening if old.is_open else replace(happening, severity=old.happening.severity)
        if happening.said:
            entry.be_silent()
        entry.record = replace(old, happening=merged, count=old.count + 1, spoken=spoken)
        if now - entry.updated < self.update_period and spoken == old.spoken:
            return []
        entry.updated = now
        return [PublishCommand(entry.record, EventType.UPDATED)]

    def _find(self, event_id: str) -> Optional[_Entry]:
        entries = self._entries.values()
        return next((entry for entry in entries if entry.record.event_id == event_id), None)

    def _repeat(self, now: float) -> list[Command]:
        commands: list[Command] = []
        for entry in self._entries.values():
            if entry.record.is_pressing and now - entry.repeated >= self.repeat_period:
                entry.repeated = now
                if entry.wants_voice is entry.asked is None and not entry.record.happening.silent:
                    entry.wants_voice = now
                commands.append(PublishCommand(entry.record, EventType.UPDATED))
        return commands

    def _announce(self, room: Room, now: float) -> list[Command]:
        self._take_back(now)
        waiting = [entry for entry in self._entries.values() if entry.wants_voice is not None]
        waiting.sort(key=lambda entry: (-entry.record.happening.severity, entry.wants_voice))
        for entry in waiting:
            decision, _ = decide(self._candidate(entry, now), room, self.options)
            if decision is Decision.SILENT:
                entry.be_silent()
            if decision is Decision.SPEAK:
                entry.waiting_since, entry.wants_voice = entry.wants_voice, None
                entry.attempts += 1
                entry.asked = entry.repeated = now
                self._said.append(now)
                return [SpeakCommand(entry.record)]
        return []

    def _take_back(self, now: float) -> None:
        """Let what was asked for and not said wait for the next pause."""
        for entry in self._entries.values():
            if entry.asked is None or now - entry.asked < self.options.answer:
                continue
            if entry.attempts >= self.options.attempts:
                entry.be_silent()
                continue
            if entry.asked in self._said:
                self._said.remove(entry.asked)
            entry.wants_voice, entry.asked = entry.waiting_since, None

    def _candidate(self, entry: _Entry, now: float) -> Candidate:
        while self._said and now - self._said[0] >= HOUR:
            self._said.popleft()
        record, since = entry.record, entry.wants_voice
        return Candidate(
            severity=record.happening.severity,
            silent=record.happening.silent,
            acknowledged=record.acknowledged,
            waited=now - since if since is not None else 0.0,
            since_last=now - self._said[-1] if self._said else HOUR,
            said_this_hour=len(self._said),
        )

    def _prune(self, now: float) -> None:
        over = [
            key
            for key, entry in self._entries.items()
            if not entry.record.is_open
            and not entry.record.is_pressing
            and entry.wants_voice is entry.asked is None
            and now - entry.opened >= entry.record.happening.cooldown
        ]
        for key in over:
            del self._entries[key]
        while len(self._entries) > MOST_EVENTS:
            del self._entries[next(iter(self._entries))]
