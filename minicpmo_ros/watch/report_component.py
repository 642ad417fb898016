# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What other nodes publish on ``events``, and what the model says of its own accord."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Optional

from rclpy.node import Node

from minicpmo_ros import qos
from minicpmo_ros.errors import WatchError
from minicpmo_ros.msg import ProactiveEvent
from minicpmo_ros.watch.event_message import happening_from, happening_of, outside_record
from minicpmo_ros.watch.event_record import EventKey, EventRecord, Happening, Origin
from minicpmo_ros.watch.watch import Watch

# Events of other nodes that were opened and never closed.
MOST_OUTSIDE = 100


@dataclass(frozen=True)
class ReportListeners:
    """What becomes of a report.

    happens: a sign of an event of a watch, with a picture and with what is kept instead if it is
    not believed; returns whether it opened an event. completes: the latter two for a sign that was
    told without them. ends: the event is over. keep, drop: an event of another node is stored, or
    not any more. unasked: the model spoke unasked. active: the watches in force.
    is_announcement: whether a turn says what it was asked to.
    """

    happens: Callable[[Happening, bytes, Optional[EventRecord]], bool]
    completes: Callable[[Watch, bytes, EventRecord], None]
    ends: Callable[[EventKey, float], None]
    keep: Callable[[EventRecord, bytes], None]
    drop: Callable[[str], None]
    unasked: Callable[[], None]
    active: Callable[[], list[Watch]]
    is_announcement: Callable[[int], bool]


@dataclass
class _Outside:
    """An event of another node that is under way.

    watch: the one whose event it is. reported: that is known. opened: as a new event.
    """

    watch: Optional[Watch] = None
    reported: bool = False
    opened: bool = False


class ReportComponent:
    """Part of the events node.

    The words of a turn and the event about it come on two topics, in any order: what was taken
    from one is not taken from the other.
    """

    def __init__(self, node: Node, listeners: ReportListeners) -> None:
        self._node = node
        self._listeners = listeners
        self._outside: dict[str, _Outside] = {}
        self._turn, self._words, self._reported_turn = 0, '', 0
        node.create_subscription(ProactiveEvent, 'events', self._on_event, qos.EVENT)

    def robot_said(self, turn_id: int, epoch: int, text: str, last: bool) -> None:
        """Take words of the model; with the last ones of a turn it may have told an event.

        Also an answer tells: the model may report a fall right after a person spoke.
        """
        self._words = self._words + text if turn_id == self._turn else text
        self._turn = turn_id
        if not last or turn_id == self._reported_turn or self._listeners.is_announcement(turn_id):
            return
        watch = self._watch_reported_by(self._words)
        if watch is None:
            return
        self._reported_turn = turn_id
        seen = self._dated(Happening('said', '', 0.0, 0.0, turn_id=turn_id, epoch=epoch))
        happening = happening_of(watch, seen, Origin.MODEL, said=True)
        if self._listeners.happens(happening, b'', None):
            self._listeners.ends(happening.key, happening.end)

    def _on_event(self, message: ProactiveEvent) -> None:
        """Take an event of another node; what this node published itself comes back too."""
        if message.watch_id and message.origin != ProactiveEvent.RULE:
            return
        try:
            seen = self._dated(happening_from(message))
        except WatchError as error:
            self._node.get_logger().warning(f'events: {error}')
            return
        is_model = seen.origin is Origin.MODEL
        if is_model and self._listeners.is_announcement(message.turn_id):
            return
        outside = self._outside.setdefault(message.event_id, _Outside())
        if message.type == ProactiveEvent.OPENED and seen.said:
            self._listeners.unasked()
        if outside.watch is None and is_model:
            outside.watch = self._watch_reported_by(message.text)
        picture = bytes(message.snapshot.data)
        if outside.watch is not None:
            self._take_model_report(outside, message, seen, picture)
        else:
            self._listeners.keep(outside_record(message, seen), picture)
        if message.type == ProactiveEvent.CLOSED:
            del self._outside[message.event_id]
        if len(self._outside) > MOST_OUTSIDE:
            del self._outside[next(iter(self._outside))]

    def _dated(self, seen: Happening) -> Happening:
        """Return a report with times: one without any is about now, not about 1970."""
        if seen.end > 0.0:
            return seen
        now = self._node.get_clock().now().nanoseconds / 1e9
        return replace(seen, begin=now, end=now)

    def _watch_reported_by(self, text: str) -> Optional[Watch]:
        return next((w for w in self._listeners.active() if w.is_reported_by(text)), None)

    def _take_model_report(
        self, outside: _Outside, message: ProactiveEvent, seen: Happening, picture: bytes
    ) -> None:
        """The model said by itself what a watch waits for: that is an event of the watch."""
        assert outside.watch is not None
        happening = happening_of(outside.watch, seen, Origin.MODEL, said=True)
        if not outside.reported:
            outside.reported = True
            self._listeners.drop(message.event_id)
            spoken = outside_record(message, seen)
            if message.turn_id == self._reported_turn:
                self._listeners.completes(outside.watch, picture, spoken)
            else:
                self._reported_turn = message.turn_id
                outside.opened = self._listeners.happens(happening, picture, spoken)
        if message.type == ProactiveEvent.CLOSED and outside.opened:
            self._listeners.ends(happening.key, seen.end)
