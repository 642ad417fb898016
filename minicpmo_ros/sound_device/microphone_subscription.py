# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The microphone as a topic, for machines whose audio comes from another driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

from audio_common_msgs.msg import AudioInfo
import numpy as np
from rclpy.node import Node

from minicpmo_ros import qos
from minicpmo_ros.errors import MessageError
from minicpmo_ros.message_bytes import to_float32
from minicpmo_ros.perception.audio_message import SoundFormat, read_info, reader_for
from minicpmo_ros.perception.microphone_component import audio_message_type
from minicpmo_ros.perception.microphone_stream import MicrophoneStream
from minicpmo_ros.stamp import seconds_of

WARNING_SECONDS = 5.0


class MicrophoneSubscription:
    """Hands mono samples at 16 kHz with the time of their first one to a consumer.

    :param consume: gets float32 [n] and the ROS time of the first sample [s].
    """

    def __init__(self, node: Node, consume: Callable[[np.ndarray, float], None]) -> None:
        self.malformed = 0
        self._node = node
        self._consume = consume
        self._format: Optional[SoundFormat] = None
        self._stream = MicrophoneStream()
        message_type = audio_message_type('auto')
        self._needs_info = message_type.__name__ != 'AudioStamped'
        self._read = reader_for(message_type)
        if self._needs_info:
            node.create_subscription(AudioInfo, 'audio_info', self._on_info, qos.AUDIO_INFO)
        node.create_subscription(message_type, 'audio', self._on_audio, qos.MICROPHONE)

    def _on_info(self, message: AudioInfo) -> None:
        try:
            self._format = read_info(message)
        except MessageError as error:
            self._format = None
            self._reject('audio_info', error)

    def _on_audio(self, message: Any) -> None:
        if self._needs_info and self._format is None:
            return  # a stream cannot be read before its description came; it is repeated
        try:
            sound = self._read(message, self._format)
        except MessageError as error:
            self._reject('audio', error)
            return
        stamp, samples = self._stream.convert(seconds_of(message.header.stamp), sound)
        if samples.size:
            self._consume(to_float32(samples), stamp)

    def _reject(self, topic: str, error: MessageError) -> None:
        self.malformed += 1
        self._node.get_logger().warning(f'{topic}: {error}', throttle_duration_sec=WARNING_SECONDS)
