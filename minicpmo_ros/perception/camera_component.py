# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Subscription to a camera that takes no more large frames than units can use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.timer import Timer
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Bool

from minicpmo_ros import qos
from minicpmo_ros.message_bytes import byte_array

from . import cv_bridge_fallback
from .encoded_picture import decode, encode_jpeg, reduce
from .image_format import UnsupportedEncoding, to_rgb

NANOSECONDS = 1_000_000_000
# Taking a frame costs two copies; above this size that is what the node mostly does [bytes].
LARGE_FRAME = 2_000_000


class FrameGate(MutuallyExclusiveCallbackGroup):
    """Lets the executor pass over a subscription: the newest frame stays in the middleware."""

    def __init__(self) -> None:
        super().__init__()
        self.open = True

    def can_execute(self, entity: Any) -> bool:
        """Return whether the executor may take a message now."""
        return self.open and super().can_execute(entity)


class CameraComponent:
    """The camera of a node. Frames are handed on unread; ``picture`` reads those that are used.

    enabled: false while people have switched the camera off (topic ``camera_enabled``).

    :param large_frame_rate: frames of more than LARGE_FRAME bytes are taken at most so often [Hz];
        the others are overwritten unread by the newest one. 0 takes all.
    :param on_frame: called in the executor with stamp [ns], None for zero, and the message.
    :param on_problem: called with the reason when a message cannot be used.
    """

    def __init__(
        self,
        node: Node,
        transport: str,
        large_frame_rate: float,
        on_frame: Callable[[Optional[int], Any], None],
        on_problem: Callable[[str], None],
    ) -> None:
        image = node.resolve_topic_name('image')
        compressed = transport == 'compressed'
        self.message_type: type = CompressedImage if compressed else Image
        self.topic = f'{image}/compressed' if compressed else image
        self.received = 0
        self.thinned = False
        self.enabled = True
        self._node = node
        self._rate = large_frame_rate
        self._timer: Optional[Timer] = None
        self._on_frame = on_frame
        self._on_problem = on_problem
        self._gate = FrameGate()
        node.create_subscription(
            self.message_type, self.topic, self.receive, qos.CAMERA, callback_group=self._gate
        )
        node.create_subscription(Bool, 'camera_enabled', self._on_enabled, qos.STATE)

    def receive(self, message: Any) -> None:
        """Take a message; while the camera is switched off it is dropped unread."""
        if not self.enabled:
            return
        self.received += 1
        self.thinned = self._rate > 0 and len(message.data) > LARGE_FRAME
        if self.thinned:
            self._close_gate()
        stamp = message.header.stamp
        nanoseconds: Optional[int] = stamp.sec * NANOSECONDS + stamp.nanosec
        if nanoseconds <= 0 or stamp.nanosec >= NANOSECONDS:
            self._on_problem(
                f'stamp {stamp.sec} s {stamp.nanosec} ns; the time of arrival is used'
            )
            nanoseconds = None
        self._on_frame(nanoseconds, message)

    def picture(self, message: Any, longest_side: int, quality: int) -> CompressedImage:
        """Return a frame as JPEG, its longer side at most ``longest_side`` [px], 0 for any.

        :raises MessageError: when the message is malformed.
        """
        pixels = reduce(self._pixels(message, longest_side), longest_side)
        result = CompressedImage(header=message.header, format='jpeg')
        result.data = byte_array(encode_jpeg(pixels, quality))
        return result

    def _on_enabled(self, message: Bool) -> None:
        self.enabled = message.data

    def _close_gate(self) -> None:
        self._gate.open = False
        if self._timer is None:
            # It also wakes the executor, which looks at the gate only then.
            clock = Clock(clock_type=ClockType.STEADY_TIME)
            self._timer = self._node.create_timer(1.0 / self._rate, self._open_gate, clock=clock)

    def _open_gate(self) -> None:
        self._gate.open = True

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
