# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Feeds a playback queue from speech and interruption, and reports what was played."""

from __future__ import annotations

from collections.abc import Callable
import threading
import time
from typing import Optional

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from minicpmo_ros import qos
from minicpmo_ros.diagnostics import Level, Status
from minicpmo_ros.errors import MessageError
from minicpmo_ros.msg import Interruption, PlaybackStatus, SpeechChunk
from minicpmo_ros.sound_device.playback_queue import PlaybackQueue, PlaybackState
from minicpmo_ros.sound_device.speech_message import speech_piece
from minicpmo_ros.stamp import duration_message

# How often the state is reported while playing, and while nothing changes [s].
REPORT_PERIOD = 0.1
IDLE_PERIOD = 1.0
WARNING_SECONDS = 5.0


class PlaybackComponent:
    """Subscribes ``speech`` and ``interruption``, publishes ``playback``.

    Whoever moves the queue on calls ``report`` after each of its blocks, from any thread but the
    audio callback: changes are published then, without a timer that wakes the executor.

    :param state: returns what was heard so far.
    :param level: returns the level of the rendered signal [dBFS].
    """

    def __init__(
        self,
        node: Node,
        queue: PlaybackQueue,
        state: Callable[[], PlaybackState],
        level: Callable[[], float],
    ) -> None:
        self._node = node
        self._queue = queue
        self._state = state
        self._level = level
        self._malformed = 0
        self._reported_key: Optional[tuple] = None
        self._reported_at = 0.0
        self._reporting = threading.Lock()
        self._playback = node.create_publisher(PlaybackStatus, 'playback', qos.EVENT)
        node.create_subscription(SpeechChunk, 'speech', self._on_speech, qos.STREAM)
        node.create_subscription(Interruption, 'interruption', self.interrupt, qos.EVENT)
        # A loudspeaker runs on real time, also while a simulation is paused.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(IDLE_PERIOD, self.report, clock=steady)

    def _on_speech(self, message: SpeechChunk) -> None:
        try:
            self._queue.push(speech_piece(message))
        except MessageError as error:
            self._malformed += 1
            self._node.get_logger().warning(
                f'speech: {error}', throttle_duration_sec=WARNING_SECONDS
            )

    def interrupt(self, message: Interruption) -> None:
        """Obey an interruption before anything else happens."""
        if message.stage == Interruption.CONFIRM:
            self._queue.flush(message.epoch)
        elif message.stage == Interruption.RESUME:
            self._queue.resume(message.epoch)
        else:
            self._queue.pause(message.epoch)
        self.report()

    def report(self) -> None:
        """Publish on every change and ten times a second while playing."""
        with self._reporting:
            self._report()

    def _report(self) -> None:
        state, now = self._state(), time.monotonic()
        key = (state.turn_id, state.epoch, state.playing, state.paused, state.queued > 0.0)
        active = state.playing or state.queued > 0.0
        due = now - self._reported_at >= (REPORT_PERIOD if active else IDLE_PERIOD)
        if key == self._reported_key and not due:
            return
        self._reported_key, self._reported_at = key, now
        message = PlaybackStatus(
            turn_id=state.turn_id,
            epoch=state.epoch,
            playing=state.playing,
            paused=state.paused,
            played=duration_message(max(state.played, 0.0)),
            queued=duration_message(max(state.queued, 0.0)),
            underruns=state.underruns,
            level=self._level(),
        )
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._playback.publish(message)

    def status(self) -> Status:
        """Return the health of the playback."""
        counters, state = self._queue.counters, self._state()
        values = {
            'queued [s]': state.queued,
            'underruns': state.underruns,
            'malformed messages': self._malformed,
            **vars(counters),
        }
        bad = self._malformed + counters.unusable + counters.missing + counters.overflowed
        if bad or counters.abandoned:
            return Status('playback', Level.WARN, 'speech was lost or a pause never ended', values)
        return Status('playback', Level.OK, 'playing' if state.playing else 'silent', values)
