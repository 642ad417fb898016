# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Publishes what the speech detector says."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node

from minicpmo_ros import qos
from minicpmo_ros.msg import UserSpeech
from minicpmo_ros.sound_device.audio_engine import AudioFrame
from minicpmo_ros.sound_device.echo_canceller import SAMPLE_RATE
from minicpmo_ros.stamp import time_message


class UserSpeechComponent:
    """Publisher of ``user_speech``; may be called from any thread.

    :param nanoseconds: returns the ROS time [ns] of a time of the device's clock [s].
    """

    def __init__(self, node: Node, frame_id: str, nanoseconds: Callable[[float], int]) -> None:
        self.frames = 0
        self._frame_id = frame_id
        self._nanoseconds = nanoseconds
        self._publisher = node.create_publisher(UserSpeech, 'user_speech', qos.SPEECH_ACTIVITY)

    def publish(self, frame: AudioFrame, capture_time: float) -> None:
        """Publish one frame of 32 ms, captured from ``capture_time`` [s] on."""
        self.frames += 1
        detection = frame.detection
        message = UserSpeech(
            active=detection.active, probability=detection.probability, level=detection.level
        )
        message.header.stamp = time_message(self._nanoseconds(capture_time))
        message.header.frame_id = self._frame_id
        if detection.onset is not None:
            age = (frame.begin - detection.onset) / SAMPLE_RATE
            message.onset = time_message(self._nanoseconds(capture_time - age))
        self._publisher.publish(message)
