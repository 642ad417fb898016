# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Subscription to a camera that looks at nothing but the stamp until a frame is really used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image

from minicpmo_ros import qos
from minicpmo_ros.errors import MessageError
from minicpmo_ros.message_bytes import byte_array

from . import cv_bridge_fallback
from .encoded_picture import decode, encode_jpeg, reduce
from .image_format import UnsupportedEncoding, to_rgb
from .serialized_stamp import serialized_stamp

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class SerializedFrame:
    """A camera message as it came from the middleware."""

    data: bytes


class CameraComponent:
    """The camera of a node.

    Deserializing a 1080p picture 30 times a second costs more than all else the node does, and a
    unit uses one of them: so frames stay serialized, and ``picture`` turns the chosen one into
    a JPEG of the size the model needs.

    :param on_frame: called in the executor with stamp [ns], None for zero, and the frame.
    :param on_problem: called with the reason when a message cannot be used.
    """

    def __init__(
        self,
        node: Node,
        transport: str,
        on_frame: Callable[[Optional[int], SerializedFrame], None],
        on_problem: Callable[[str], None],
    ) -> None:
        image = node.resolve_topic_name('image')
        compressed = transport == 'compressed'
        self.message_type: type = CompressedImage if compressed else Image
        self.topic = f'{image}/compressed' if compressed else image
        self.received = 0
        self._on_frame = on_frame
        self._on_problem = on_problem
        node.create_subscription(self.message_type, self.topic, self.receive, qos.CAMERA, raw=True)

    def receive(self, data: bytes) -> None:
        """Take a serialized message."""
        self.received += 1
        try:
            seconds, nanoseconds = serialized_stamp(data)
        except MessageError as error:
            self._on_problem(str(error))
            return
        stamp: Optional[int] = seconds * NANOSECONDS + nanoseconds
        if stamp <= 0 or nanoseconds >= NANOSECONDS:
            self._on_problem(f'stamp {seconds} s {nanoseconds} ns; the time of arrival is used')
            stamp = None
        self._on_frame(stamp, SerializedFrame(data))

    def picture(self, frame: SerializedFrame, longest_side: int, quality: int) -> CompressedImage:
        """Return a frame as JPEG, its longer side at most ``longest_side`` [px], 0 for any.

        :raises MessageError: when the message is malformed.
        """
        message = self._deserialize(frame.data)
        result = CompressedImage(header=message.header, format='jpeg')
        pixels = self._pixels(message, longest_side)
        result.data = byte_array(encode_jpeg(reduce(pixels, longest_side), quality))
        return result

    def _deserialize(self, data: bytes) -> Any:
        try:
            return deserialize_message(data, self.message_type)
        except Exception as error:  # rclpy raises types of its C extension that have no name
            raise MessageError(f'message cannot be deserialized: {error}') from error

    def _pixels(self, message: Any, longest_side: int) -> np.ndarray:
        if self.message_type is CompressedImage:
            return decode(message.format, message.data, longest_side)
        try:
            return to_rgb(
                message.height,
                message.width,
                message.encoding,
                message.step,
                bool(message.is_bigendian),
                message.data,
            )
        except UnsupportedEncoding:
            if not cv_bridge_fallback.works():
                raise
            return cv_bridge_fallback.to_rgb(message)
