# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Events in an SQLite file: kept for a while, deleted on request, exported."""

from __future__ import annotations

from collections import OrderedDict
import json
from pathlib import Path
import sqlite3
import time
from typing import Optional

from minicpmo_ros.watch.event_record import EventRecord

MOST_WAITING = 256
_SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    event_id TEXT PRIMARY KEY,
    last_seen REAL NOT NULL,
    pressing INTEGER NOT NULL,
    record TEXT NOT NULL,
    snapshot BLOB
);
CREATE INDEX IF NOT EXISTS event_by_time ON event (last_seen);
"""


class EventStore:
    """One file. No method raises for a disk that is full or gone: ``problem`` says what is wrong,
    and up to MOST_WAITING events wait in memory until it can be written again.

    retention: events older than this are deleted [s]. most_events: and the oldest above this.
    lost: events that could not be kept.
    """

    def __init__(self, path: Path | str, retention: float, most_events: int = 10_000) -> None:
        self.path = Path(path).expanduser()
        self.retention = retention
        self.most_events = most_events
        self.problem = ''
        self.lost = 0
        self._waiting: OrderedDict[str, tuple[EventRecord, bytes]] = OrderedDict()
        self._database: Optional[sqlite3.Connection] = None
        self._open()

    def put(self, record: EventRecord, snapshot: bytes = b'') -> None:
        """Write an event, or what changed in it; an empty snapshot leaves the stored one."""
        _, earlier = self._waiting.pop(record.event_id, (None, b''))
        self._waiting[record.event_id] = (record, snapshot or earlier)
        self.flush()

    def flush(self) -> None:
        """Write what waits."""
        while self._waiting:
            record, snapshot = next(iter(self._waiting.values()))
            if not self._write(record, snapshot):
                break
            self._waiting.popitem(last=False)
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
            self.lost += 1

    def prune(self, now: float) -> int:
        """Delete what is too old or too much, but nothing that waits for a person.

        :param now: seconds since 1970. Returns how many events were deleted.
        """
        old = self._execute(
            'DELETE FROM event WHERE last_seen < ? AND NOT pressing', (now - self.retention,)
        )
        surplus = self._execute(
            'DELETE FROM event WHERE NOT pressing AND event_id IN (SELECT event_id FROM event '
            'ORDER BY last_seen DESC LIMIT -1 OFFSET ?)',
            (self.most_events,),
        )
        return sum(cursor.rowcount for cursor in (old, surplus) if cursor is not None)

    def delete(self, event_id: str) -> int:
        """Delete one event with its picture, or all for an empty id; return how many."""
        waiting = [i for i in self._waiting if i == event_id or not event_id]
        for name in waiting:
            del self._waiting[name]
        if event_id:
            cursor = self._execute('DELETE FROM event WHERE event_id = ?', (event_id,))
        else:
            cursor = self._execute('DELETE FROM event')
        return max(len(waiting), cursor.rowcount if cursor is not None else 0)

    def pressing(self) -> list[EventRecord]:
        """Return the critical events that nobody acknowledged."""
        return [record for record, _ in self._select('WHERE pressing')]

    def records(self) -> list[EventRecord]:
        """Return all stored events, oldest first."""
        return [record for record, _ in self._select('')]

    def snapshot(self, event_id: str) -> bytes:
        """Return the picture of an event, empty when there is none."""
        cursor = self._execute('SELECT snapshot FROM event WHERE event_id = ?', (event_id,))
        row = cursor.fetchone() if cursor is not None else None
        return bytes(row[0]) if row and row[0] else b''

    def export(self, folder: Path | str) -> Path:
        """Write all events as JSON lines, and their pictures beside them; return the file.

        :raises OSError: when the folder cannot be written.
        """
        target = Path(folder).expanduser()
        target.mkdir(parents=True, exist_ok=True)
        file = target / 'events.jsonl'
        with open(file, 'w', encoding='utf-8') as lines:
            for record, snapshot in self._select(''):
                data = record.plain()
                if snapshot:
                    data['snapshot_file'] = f'{record.event_id}.jpg'
                    (target / data['snapshot_file']).write_bytes(snapshot)
                lines.write(json.dumps(data) + '\n')
        return file

    def close(self) -> None:
        """Write what waits and close the file."""
        self.flush()
        if self._database is not None:
            self._database.close()
            self._database = None

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._database = self._connect()
        except sqlite3.DatabaseError as error:
            self._keep_aside(error)
        except OSError as error:
            self.problem = f'{self.path}: {error.strerror}; events are kept in memory only'

    def _connect(self) -> sqlite3.Connection:
        # Made by the thread that starts a node, used by the one that spins it: never by both.
        database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            database.execute('PRAGMA secure_delete = ON')  # a deleted picture is overwritten
            [result] = database.execute('PRAGMA quick_check(1)').fetchone()
            if result != 'ok':
                raise sqlite3.DatabaseError(result)
            database.executescript(_SCHEMA)
            database.execute('SELECT event_id, last_seen, pressing, record, snapshot FROM event')
        except sqlite3.DatabaseError:
            database.close()
            raise
        return database

    def _keep_aside(self, error: sqlite3.DatabaseError) -> None:
        if isinstance(error, sqlite3.OperationalError) and not self.path.is_file():
            self.problem = f'{self.path}: {error}; events are kept in memory only'
            return
        aside = self.path.with_name(f'{self.path.name}.damaged-{time.time_ns()}')
        try:
            self.path.replace(aside)
            self._database = self._connect()
        except (OSError, sqlite3.DatabaseError) as second:
            self.problem = f'{self.path}: {second}; events are kept in memory only'
            return
        self.problem = f'{self.path.name} is damaged ({error}); kept as {aside.name}, a new begun'

    def _write(self, record: EventRecord, snapshot: bytes) -> bool:
        values = (
            record.event_id,
            record.happening.end,
            record.is_pressing,
            json.dumps(record.plain()),
            snapshot or None,
        )
        cursor = self._execute(
            'INSERT INTO event VALUES (?, ?, ?, ?, ?) ON CONFLICT (event_id) DO UPDATE SET '
            'last_seen = excluded.last_seen, pressing = excluded.pressing, '
            'record = excluded.record, snapshot = coalesce(excluded.snapshot, snapshot)',
            values,
        )
        return cursor is not None

    def _select(self, condition: str) -> list[tuple[EventRecord, bytes]]:
        cursor = self._execute(
            f'SELECT record, snapshot FROM event {condition} ORDER BY last_seen'
        )
        rows = cursor.fetchall() if cursor is not None else []
        found = []
        for text, snapshot in rows:
            try:
                found.append((EventRecord.from_plain(json.loads(text)), bytes(snapshot or b'')))
            except (KeyError, TypeError, ValueError) as error:
                self.problem = f'an event of {self.path.name} is not readable: {error}'
        return found

    def _execute(self, statement: str, values: tuple = ()) -> Optional[sqlite3.Cursor]:
        if self._database is None:
            return None
        try:
            cursor = self._database.execute(statement, values)
        except sqlite3.DatabaseError as error:
            self.problem = f'{self.path.name}: {error}; events wait in memory'
            return None
        if self.problem.endswith('wait in memory'):
            self.problem = ''
        return cursor
