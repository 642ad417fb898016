# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A timer that ticks only while something waits."""

from __future__ import annotations

from collections.abc import Iterator
import time

import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from minicpmo_ros.on_demand_timer import OnDemandTimer

PERIOD = 0.02


class Waiting:
    """Something that waits for a number of ticks."""

    def __init__(self, node: Node, ticks: int) -> None:
        self.left = ticks
        self.ticks = 0
        self.timer = OnDemandTimer(node, PERIOD, self._tick, lambda: self.left > 0)

    def _tick(self) -> None:
        self.ticks += 1
        self.left -= 1


@pytest.fixture
def executor(ros: None) -> Iterator[SingleThreadedExecutor]:
    """Yield an executor with one node."""
    executor = SingleThreadedExecutor()
    node = Node('on_demand_timer_test')
    executor.add_node(node)
    yield executor
    executor.shutdown()
    node.destroy_node()


def spin(executor: SingleThreadedExecutor, seconds: float) -> None:
    """Let an executor work for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        executor.spin_once(timeout_sec=PERIOD)


def test_ticks_come_until_nothing_waits_and_again_after_waking(
    executor: SingleThreadedExecutor,
) -> None:
    """Exactly the needed ticks come, and none while nothing waits."""
    waiting = Waiting(executor.get_nodes()[0], ticks=3)
    spin(executor, 10 * PERIOD)
    assert waiting.ticks == 3
    assert not waiting.timer.running

    waiting.timer.wake()
    assert not waiting.timer.running  # there is no need

    waiting.left = 2
    waiting.timer.wake()
    spin(executor, 10 * PERIOD)
    assert waiting.ticks == 5


def test_waking_a_running_timer_does_not_delay_its_tick(executor: SingleThreadedExecutor) -> None:
    """A message that wakes the timer more often than it ticks must not keep it from ticking."""
    waiting = Waiting(executor.get_nodes()[0], ticks=1000)
    end = time.monotonic() + 1.0
    while time.monotonic() < end and waiting.ticks < 5:
        waiting.timer.wake()
        executor.spin_once(timeout_sec=PERIOD / 10)
    assert waiting.ticks == 5
