# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One process, one thread, a clock of its own: what the components need of a node.

The components of the real nodes run on it unchanged. Messages are delivered at once, in the order
in which they were published.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
import time
from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time

# The day on which everything happens [s since 1970].
BEGIN = 1_790_000_000.0
NANOSECONDS = 1e9


class VirtualClock:
    """A steady clock [s] that is set, and runs with the processor time of what is done."""

    def __init__(self) -> None:
        self._now = 0.0
        self._running_since: float | None = None

    def __call__(self) -> float:
        """Return the time."""
        if self._running_since is None:
            return self._now
        return self._now + time.thread_time() - self._running_since

    def advance_to(self, moment: float) -> None:
        """Set the clock, unless it is later already."""
        self._now = max(self(), moment)

    def run(self, work: Callable[[], None]) -> None:
        """Do something that takes time."""
        self._running_since = time.thread_time()
        try:
            work()
        finally:
            self._now, self._running_since = self(), None


class Loopback:
    """Carries messages from publishers to subscriptions of all its nodes."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.warnings: list[str] = []
        self._readers: dict[str, list[Callable[[Any], None]]] = defaultdict(list)
        self._latched: dict[str, Any] = {}
        self._waiting: deque[tuple[Callable[[Any], None], Any]] = deque()
        self._delivering = False

    def publish(self, topic: str, message: Any, latched: bool = False) -> None:
        """Hand a message to all readers; what they publish follows after it."""
        if latched:
            self._latched[topic] = message
        self._waiting += ((reader, message) for reader in self._readers[topic])
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._waiting:
                reader, waiting = self._waiting.popleft()
                reader(waiting)
        finally:
            self._delivering = False

    def subscribe(self, topic: str, reader: Callable[[Any], None]) -> None:
        """Add a reader, who gets the latched message of the topic."""
        self._readers[topic].append(reader)
        if topic in self._latched:
            reader(self._latched[topic])


class LoopbackNode:
    """The part of ``rclpy.node.Node`` that the components use."""

    def __init__(self, name: str, loopback: Loopback) -> None:
        self._name = name
        self._loopback = loopback

    def get_name(self) -> str:
        """Return the name of the node."""
        return self._name

    def get_clock(self) -> LoopbackNode:
        """Return the clock, which is the node itself."""
        return self

    def get_logger(self) -> LoopbackNode:
        """Return the logger, which is the node itself."""
        return self

    def now(self) -> Time:
        """Return the time of the wall clock."""
        return Time(nanoseconds=round((BEGIN + self._loopback.clock()) * NANOSECONDS))

    def create_publisher(self, kind: type, topic: str, profile: Any) -> _Publisher:
        """Return a publisher."""
        durable = DurabilityPolicy.TRANSIENT_LOCAL
        latched = isinstance(profile, QoSProfile) and profile.durability == durable
        return _Publisher(self._loopback, topic, latched)

    def create_subscription(
        self, kind: type, topic: str, reader: Callable[[Any], None], profile: Any
    ) -> None:
        """Call ``reader`` with every message of a topic."""
        self._loopback.subscribe(topic, reader)

    def info(self, text: str, **options: Any) -> None:
        """Drop a line of no interest."""

    def warning(self, text: str, **options: Any) -> None:
        """Keep a warning."""
        self._loopback.warnings.append(text)

    error = warning


class _Publisher:
    def __init__(self, loopback: Loopback, topic: str, latched: bool) -> None:
        self._loopback, self._topic, self._latched = loopback, topic, latched

    def publish(self, message: Any) -> None:
        self._loopback.publish(self._topic, message, self._latched)
