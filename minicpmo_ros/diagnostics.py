# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Publish the health of a node on /diagnostics once a second, without diagnostic_updater."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import enum

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node


class Level(enum.IntEnum):
    """How well something is."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Status:
    """One line of diagnostics: ``name`` is within the node, ``values`` say their units."""

    name: str
    level: Level
    message: str
    values: Mapping[str, object] = field(default_factory=dict)


class Diagnostics:
    """A timer that publishes what ``collect()`` returns; owned and destroyed by its node."""

    def __init__(
        self,
        node: Node,
        hardware_id: str,
        collect: Callable[[], list[Status]],
        period: float = 1.0,
    ) -> None:
        self._node = node
        self._hardware_id = hardware_id
        self._collect = collect
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # A steady clock: health is also reported while a simulation is paused.
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(period, self.publish, clock=clock)

    def publish(self) -> None:
        """Publish now, e.g. from a long start-up step."""
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.status = [self._status_message(status) for status in self._collect()]
        self._publisher.publish(message)

    def _status_message(self, status: Status) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=bytes([status.level]),
            name=f'{self._node.get_fully_qualified_name()}: {status.name}',
            message=status.message,
            hardware_id=self._hardware_id,
            values=[KeyValue(key=key, value=_text(v)) for key, v in status.values.items()],
        )


def _text(value: object) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)
