# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Run nodes of a test in a background executor and collect what they publish."""

from collections.abc import Callable
import threading
import time
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node


class Harness:
    """An observer node plus the nodes under test; use as a context manager."""

    def __init__(self, *nodes: Node) -> None:
        self.observer = rclpy.create_node('observer')
        self.nodes = [*nodes, self.observer]
        self.received: dict[str, list[Any]] = {}
        self._executor = SingleThreadedExecutor()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def __enter__(self) -> 'Harness':
        for node in self.nodes:
            self._executor.add_node(node)
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._stop.set()
        self._thread.join(10.0)
        for node in self.nodes:
            node.destroy_node()
        self._executor.shutdown()

    def collect(self, kind: type, topic: str, profile: Any = 10) -> list[Any]:
        """Return a list to which the messages of ``topic`` are appended as they come."""
        messages = self.received.setdefault(topic, [])
        self.observer.create_subscription(kind, topic, messages.append, profile)
        return messages

    def publisher(self, kind: type, topic: str, profile: Any = 10) -> Any:
        """Return a publisher that already has a reader."""
        publisher = self.observer.create_publisher(kind, topic, profile)
        self.wait(lambda: publisher.get_subscription_count() > 0, f'a reader of {topic}')
        return publisher

    def call(self, kind: type, name: str, request: Any) -> Any:
        """Return the answer of a service."""
        client = self.observer.create_client(kind, name)
        assert client.wait_for_service(10.0), f'service {name} does not exist'
        future = client.call_async(request)
        self.wait(future.done, f'an answer of {name}')
        return future.result()

    def wait(self, condition: Callable[[], object], what: str, timeout: float = 10.0) -> None:
        """Return as soon as ``condition()`` is true; fail the test after ``timeout`` [s]."""
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, f'waited {timeout} s in vain for {what}'
            time.sleep(0.01)

    def _spin(self) -> None:
        while not self._stop.is_set():
            self._executor.spin_once(timeout_sec=0.05)
