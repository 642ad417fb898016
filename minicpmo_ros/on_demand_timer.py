# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A timer that rests while nothing waits for time to pass."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node


class OnDemandTimer:
    """Calls ``tick`` every ``period`` seconds of real time for as long as ``needed()`` is true.

    Every wake-up of an executor costs about a millisecond of a small processor, however little
    the callback does; a robot at rest should not pay for that. Call :meth:`wake` in the thread of
    the executor when something may have begun to wait.
    """

    def __init__(
        self,
        node: Node,
        period: float,
        tick: Callable[[], None],
        needed: Callable[[], bool],
    ) -> None:
        self._tick = tick
        self._needed = needed
        # Steady: deadlines pass also while a simulation is paused.
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(period, self._run, clock=clock)

    @property
    def running(self) -> bool:
        """Return whether ticks are coming."""
        return not self._timer.is_canceled()

    def wake(self) -> None:
        """Start ticking if there is need; the first tick comes after one period."""
        if not self.running and self._needed():
            self._timer.reset()

    def _run(self) -> None:
        self._tick()
        if not self._needed():
            self._timer.cancel()
