# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where events go: topic, store, and whoever else wants them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import hashlib

from rclpy.node import Node

from minicpmo_ros import qos
from minicpmo_ros.errors import MessageError
from minicpmo_ros.msg import ProactiveEvent
from minicpmo_ros.watch.event_message import event_message
from minicpmo_ros.watch.event_record import EventRecord, EventType, Origin
from minicpmo_ros.watch.event_store import EventStore
from minicpmo_ros.watch.snapshot import coarsen

Forward = Callable[[EventRecord, EventType], None]


class EventPublisher:
    """The outgoing side of the events node.

    forward: also get every event, e.g. the way to the home system.
    """

    def __init__(self, node: Node, store: EventStore, forward: list[Forward]) -> None:
        self._node = node
        self._store = store
        self._forward = forward
        self._events = node.create_publisher(ProactiveEvent, 'events', qos.EVENT)

    def open(self, record: EventRecord, picture: bytes, mode: str) -> EventRecord:
        """Publish a new event with its picture; return it with the hash of that.

        mode: 'coarse', 'full' or 'none' of the picture is kept.
        """
        snapshot = self._snapshot(picture, mode)
        record = _with_hash(record, snapshot)
        self._publish(record, EventType.OPENED, snapshot)
        return record

    def update(self, record: EventRecord, kind: EventType) -> None:
        """Publish what changed in an event."""
        self._publish(record, kind, b'')

    def keep(self, record: EventRecord, picture: bytes, mode: str) -> None:
        """Store and forward an event that another node published.

        What the model says by itself is forwarded when it is complete: only then it is known
        whether a watch waited for it.
        """
        snapshot = self._snapshot(picture, mode)
        self._store.put(_with_hash(record, snapshot), snapshot)
        if record.happening.origin is not Origin.MODEL or not record.is_open:
            for forward in self._forward:
                forward(record, EventType.OPENED)

    def _publish(self, record: EventRecord, kind: EventType, snapshot: bytes) -> None:
        message = event_message(record, kind, snapshot)
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._events.publish(message)
        self._store.put(record, snapshot)
        for forward in self._forward:
            forward(record, kind)

    def _snapshot(self, picture: bytes, mode: str) -> bytes:
        if not picture or mode == 'none':
            return b''
        try:
            return coarsen(picture) if mode == 'coarse' else picture
        except MessageError as error:
            self._node.get_logger().warning(f'snapshot: {error}')
            return b''


def _with_hash(record: EventRecord, snapshot: bytes) -> EventRecord:
    if not snapshot:
        return record
    return replace(record, snapshot_sha256=hashlib.sha256(snapshot).hexdigest())
