# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure how fast a stop reaches a running robot action.

The bridge node runs in a process of its own; this process plays the robot's action server and
publishes a stop phrase as ``Interruption``. Measured is the time from just before that is
published until the cancel request has arrived at the server, over DDS both ways.

python -m benchmarks.action_cancel [--trials 100] [--record]
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))

from minicpmo_test_interfaces.action import MoveTo
import rclpy
from rclpy.action import ActionServer, CancelResponse
from rclpy.executors import SingleThreadedExecutor

from benchmarks.measurement import print_and_record, summary
from minicpmo_ros.msg import ActionStatus, DuplexState, Interruption, TextDelta
from minicpmo_ros.qos import EVENT, STATE, STREAM

SKILLS = """
skills:
  go:
    description: Drive.
    target: {kind: action, name: move_to, type: minicpmo_test_interfaces/action/MoveTo}
    phrases: ["I'm going"]
    confirm: never
    cooldown: 0.0
"""


class Robot:
    """An action server that drives until it is told to stop, and a voice that says so."""

    def __init__(self) -> None:
        self.node = rclpy.create_node('robot')
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.goal, self.cancelled_at, self.final = None, 0.0, False
        self.server = ActionServer(
            self.node,
            MoveTo,
            'move_to',
            execute_callback=self._end,
            handle_accepted_callback=self._accept,
            cancel_callback=self._cancel,
        )
        create = self.node.create_publisher
        self.state = create(DuplexState, 'duplex_state', STATE)
        self.text = create(TextDelta, 'text_delta', STREAM)
        self.interruption = create(Interruption, 'interruption', EVENT)
        self.node.create_subscription(ActionStatus, 'action_status', self._on_status, EVENT)

    def _accept(self, goal) -> None:
        self.goal = goal

    def _cancel(self, goal) -> CancelResponse:
        self.cancelled_at = time.perf_counter()
        return CancelResponse.ACCEPT

    def _end(self, goal) -> MoveTo.Result:
        goal.canceled()
        return MoveTo.Result()

    def _on_status(self, status: ActionStatus) -> None:
        self.final = status.state > ActionStatus.RUNNING

    def until(self, condition, seconds: float = 15.0) -> None:
        """Spin until something is true; raise TimeoutError when it never is."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError('the bridge does not answer')
            self.executor.spin_once(timeout_sec=0.05)

    def trial(self, turn: int) -> float:
        """Return the time from a stop phrase to the arrival of the cancel request [s]."""
        self.goal, self.cancelled_at, self.final = None, 0.0, False
        self.state.publish(DuplexState(state=DuplexState.SPEAKING, epoch=turn))
        time.sleep(0.02)
        self.text.publish(TextDelta(turn_id=turn, epoch=turn, delta="I'm going.", last=True))
        self.until(lambda: self.goal is not None)
        time.sleep(0.05)
        stop = Interruption(
            stage=Interruption.CONFIRM, reason=Interruption.STOP_PHRASE, turn_id=turn, epoch=turn
        )
        begun = time.perf_counter()
        self.interruption.publish(stop)
        self.until(lambda: self.cancelled_at)
        self.goal.execute()
        self.until(lambda: self.final)
        return self.cancelled_at - begun


def start_bridge(folder: Path) -> subprocess.Popen:
    """Start the bridge node with actions allowed."""
    skills = folder / 'skills.yaml'
    skills.write_text(SKILLS)
    parameters = {
        'skills_file': skills,
        'actions_enabled': 'true',
        'max_actions_per_minute': 120,
        'audit_file': folder / 'actions.jsonl',
    }
    pairs = [('-p', f'{name}:={value}') for name, value in parameters.items()]
    arguments = [word for pair in pairs for word in pair]
    return subprocess.Popen(
        [sys.executable, '-m', 'minicpmo_ros.bridge_node', '--ros-args', *arguments]
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--trials', type=int, default=100)
    parser.add_argument('--record', action='store_true', help='write benchmarks/results/')
    options = parser.parse_args()
    rclpy.init()
    robot = Robot()
    with tempfile.TemporaryDirectory() as folder:
        bridge = start_bridge(Path(folder))
        try:
            robot.until(lambda: robot.interruption.get_subscription_count() > 0)
            robot.until(lambda: robot.text.get_subscription_count() > 0)
            time.sleep(1.0)
            times = [robot.trial(turn) for turn in range(1, options.trials + 1)]
        finally:
            bridge.send_signal(signal.SIGINT)
            bridge.wait(5.0)
    row = summary(np.array(times) * 1000.0, 'ms')
    print_and_record('action_cancel', {'stop phrase to cancel request': row}, options.record)
    rclpy.try_shutdown()


if __name__ == '__main__':
    main()
