# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The microphone as a topic, for machines whose audio comes from another driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from audio_common_msgs.msg import AudioDataStamped, AudioInfo
import numpy as np
from rclpy.node import Node

from minicpmo_ros import qos
from minicpmo_ros.audio.resampler import Resampler
from minicpmo_ros.errors import MessageError
from minicpmo_ros.message_bytes import read_bytes
from minicpmo_ros.stamp import seconds_of

WARNING_SECONDS = 5.0
SAMPLE_TYPES = {'S16LE': '<i2', 'S32LE': '<i4', 'F32LE': '<f4', 'S8': 'i1'}
FULL_SCALE = {'<i2': 32768.0, '<i4': 2147483648.0, '<f4': 1.0, 'i1': 128.0}


class MicrophoneSubscription:
    """Hands mono float32 samples with the time of their first one to a consumer.

    :param consume: gets float32 [n] at ``sample_rate`` and the ROS time of the first [s].
    """

    def __init__(
        self, node: Node, consume: Callable[[np.ndarray, float], None], sample_rate: int
    ) -> None:
        self.malformed = 0
        self._node = node
        self._consume = consume
        self._sample_rate = sample_rate
        self._info: Optional[AudioInfo] = None
        self._resampler: Optional[Resampler] = None
        node.create_subscription(AudioInfo, 'audio_info', self._on_info, qos.AUDIO_INFO)
        node.create_subscription(AudioDataStamped, 'audio', self._on_audio, qos.MICROPHONE)

    def _on_info(self, message: AudioInfo) -> None:
        if self._info != message:
            self._info, self._resampler = message, None

    def _on_audio(self, message: AudioDataStamped) -> None:
        if self._info is None:
            return  # a stream cannot be read before its description came; it is repeated
        try:
            samples = decode(read_bytes(message.audio.data), self._info)
            if self._resampler is None:
                self._resampler = Resampler(self._info.sample_rate, self._sample_rate)
        except ValueError as error:
            self.malformed += 1
            self._node.get_logger().warning(
                f'audio: {error}', throttle_duration_sec=WARNING_SECONDS
            )
            return
        begin = seconds_of(message.header.stamp) + self._resampler.next_output_offset
        self._consume(self._resampler.process(samples), begin)


def decode(data: np.ndarray, info: AudioInfo) -> np.ndarray:
    """Return bytes as mono float32 [n]; channels are averaged.

    :raises MessageError: for a coded stream, an unknown format or half a sample.
    """
    if info.coding_format not in ('', 'wave', 'raw'):
        raise MessageError(
            f'coding {info.coding_format!r} is not read; start the driver with format:=wave'
        )
    kind = SAMPLE_TYPES.get(info.sample_format)
    if kind is None or info.channels < 1:
        raise MessageError(
            f'{info.channels} channels of {info.sample_format!r} are not read;'
            f' known formats: {", ".join(SAMPLE_TYPES)}'
        )
    width = np.dtype(kind).itemsize * info.channels
    if data.size % width:
        raise MessageError(f'{data.size} bytes are no whole number of {width} byte frames')
    samples = data.view(kind).reshape(-1, info.channels).mean(axis=1, dtype=np.float64)
    return (samples / FULL_SCALE[kind]).astype(np.float32)
