# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The plain way to make units, for comparison: typed subscriptions and numpy in message fields.

One second of sound is collected, the newest picture is reduced, encoded and published with it,
all in callbacks of the default executor.
"""

from __future__ import annotations

from audio_common_msgs.msg import AudioDataStamped
import cv2
import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image

from minicpmo_ros import qos
from minicpmo_ros.msg import OmniUnit
from minicpmo_ros.stamp import nanoseconds_of, time_message

UNIT_SAMPLES = 16000
SECOND = 1_000_000_000


class PlainPerceptionNode(Node):
    """Works when everything arrives in order and on time."""

    def __init__(self) -> None:
        super().__init__('perception_node')
        self._picture = None
        self._blocks: list[np.ndarray] = []
        self._begin = 0
        self._count = 0
        self._units = self.create_publisher(OmniUnit, 'omni_unit', qos.STREAM)
        self.create_subscription(Image, 'image', self._on_image, qos_profile_sensor_data)
        self.create_subscription(AudioDataStamped, 'audio', self._on_audio, qos.MICROPHONE)

    def _on_image(self, message: Image) -> None:
        self._picture = message

    def _on_audio(self, message: AudioDataStamped) -> None:
        if not self._blocks:
            self._begin = nanoseconds_of(message.header.stamp)
        self._blocks.append(np.frombuffer(message.audio.data, np.int16))
        if sum(block.size for block in self._blocks) >= UNIT_SAMPLES:
            self._publish(np.concatenate(self._blocks))
            self._blocks = []

    def _publish(self, samples: np.ndarray) -> None:
        unit = OmniUnit(unit_index=self._count, sample_rate=16000)
        unit.header.stamp = time_message(self._begin)
        unit.audio_end = time_message(self._begin + samples.size * SECOND // 16000)
        unit.audio = samples
        if self._picture is not None:
            unit.images = [self._encode(self._picture)]
        self._units.publish(unit)
        self._count += 1

    def _encode(self, message: Image) -> CompressedImage:
        pixels = np.array(message.data, np.uint8).reshape(message.height, message.width, 3)
        scale = 640 / max(pixels.shape)
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode('.jpg', cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        picture = CompressedImage(header=message.header, format='jpeg')
        picture.data = data.reshape(-1)
        return picture


def main() -> None:
    """Run the node until it is told to stop."""
    rclpy.init()
    try:
        rclpy.spin(PlainPerceptionNode())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == '__main__':
    main()
