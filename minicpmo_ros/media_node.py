# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node that plays a video, sound, pictures or a recording as camera and microphone."""

from __future__ import annotations

from contextlib import ExitStack
import io
import sys
import time
from typing import Any, Optional

from audio_common_msgs.msg import AudioData, AudioDataStamped, AudioInfo
from builtin_interfaces.msg import Time
import numpy as np
from PIL import Image as PillowImage
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Bool

from minicpmo_ros import qos
from minicpmo_ros.diagnostics import Diagnostics, Level, Status
from minicpmo_ros.errors import MediaError
from minicpmo_ros.media.item import SAMPLE_RATE, Item, Picture, Recorded, Sound
from minicpmo_ros.media.opener import open_media
from minicpmo_ros.media.parameter_set import MediaParameters
from minicpmo_ros.media.player import Player, PlayerCallbacks, PlayerOptions
from minicpmo_ros.message_bytes import byte_array
from minicpmo_ros.msg import DuplexState, UnitReport
from minicpmo_ros.node_main import run_node
from minicpmo_ros.parameter_server import ParameterServer
from minicpmo_ros.stamp import NANOSECONDS, time_message

# How long a connection takes to work in both directions [s].
SETTLE_SECONDS = 0.5
READY_STATES = (DuplexState.LISTENING, DuplexState.SPEAKING)


class MediaNode(Node):
    """Plays one source; stamps run on one clock from the begin of the playing."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('media_node', **node_options)
        self._resources = ExitStack()
        self._server = ParameterServer(self, MediaParameters, self._apply)
        parameters = self._server.value
        source = open_media(parameters.source, parameters.picture_period, parameters.topics)
        options = PlayerOptions(
            parameters.rate, parameters.loop, parameters.position, parameters.end
        )
        callbacks = PlayerCallbacks(self._emit, self._tick, self._on_finished)
        self._player = Player(source, options, callbacks)
        self._resources.callback(self._player.stop)
        self._publishes_clock = parameters.rate != 1.0
        self._begin: Optional[int] = None
        self._elapsed = 0.0
        self._status = (Level.OK, 'waiting')
        self._create_interfaces()
        self._diagnostics = Diagnostics(self, parameters.source, self._collect)
        self._assistant_ready = not parameters.wait_for_assistant
        self._readers_since: Optional[float] = None
        self._start_timer = self.create_timer(
            0.1, self._start_when_heard, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def _create_interfaces(self) -> None:
        publisher = self.create_publisher
        self._image = publisher(Image, 'image', qos.CAMERA)
        self._compressed = publisher(CompressedImage, 'image/compressed', qos.CAMERA)
        self._audio = publisher(AudioDataStamped, 'audio', qos.MICROPHONE)
        self._audio_info = publisher(AudioInfo, 'audio_info', qos.AUDIO_INFO_PUBLISHER)
        self._finished = publisher(Bool, '~/finished', qos.STATE)
        self._clock_publisher = (
            publisher(ClockMessage, '/clock', qos.REPORT) if self._publishes_clock else None
        )
        self.create_subscription(UnitReport, 'unit_report', self._on_report, qos.STREAM)
        self.create_subscription(DuplexState, 'duplex_state', self._on_state, qos.STATE)
        self._finished.publish(Bool(data=False))

    def destroy_node(self) -> None:
        """Stop playing and destroy the node."""
        self._resources.close()
        super().destroy_node()

    def _apply(self, parameters: MediaParameters, changed: set[str]) -> None:
        if 'rate' in changed:
            self._player.set_rate(parameters.rate)
        if 'loop' in changed:
            self._player.set_loop(parameters.loop)
        if 'paused' in changed:
            self._player.pause(parameters.paused)
        if 'position' in changed:
            self._player.seek(parameters.position)

    def _on_state(self, message: DuplexState) -> None:
        self._assistant_ready |= message.state in READY_STATES

    def _on_report(self, message: UnitReport) -> None:
        self._player.unit_done()

    def _start_when_heard(self) -> None:
        """Begin once there are readers: what is sent before they are connected is lost."""
        outputs = (self._audio, self._image, self._compressed)
        now = time.monotonic()
        if not any(publisher.get_subscription_count() for publisher in outputs):
            self._readers_since = None
        elif self._readers_since is None:
            self._readers_since = now
        elif self._assistant_ready and now - self._readers_since >= SETTLE_SECONDS:
            self._start_timer.cancel()
            self._start()

    def _start(self) -> None:
        self._status = (Level.OK, 'playing')
        self._audio_info.publish(_AUDIO_INFO)
        self.get_logger().info(f'playing {self._server.value.source}')
        self._player.start()

    def _tick(self, elapsed: float) -> None:
        self._elapsed = elapsed
        if self._clock_publisher is not None:
            self._clock_publisher.publish(ClockMessage(clock=self._stamp(elapsed)))

    def _emit(self, item: Item, shift: float) -> None:
        stamp = self._stamp(max(item.time + shift, 0.0))
        if isinstance(item, Sound):
            self._emit_sound(item.samples, stamp)
        elif isinstance(item, Picture):
            self._emit_picture(item.pixels, stamp)
        else:
            self._emit_recorded(item, stamp)

    def _stamp(self, elapsed: float) -> Time:
        if self._begin is None:
            # Own clock messages would stand still before the first one: take the system's time.
            now = self.get_clock().now().nanoseconds
            self._begin = time.time_ns() if self._publishes_clock or now == 0 else now
            self._begin -= round(elapsed * NANOSECONDS)
        return time_message(self._begin + round(elapsed * NANOSECONDS))

    def _emit_sound(self, samples: np.ndarray, stamp: Time) -> None:
        if stamp.nanosec < len(samples) * NANOSECONDS // SAMPLE_RATE:
            self._audio_info.publish(_AUDIO_INFO)  # about once a second
        message = AudioDataStamped(audio=AudioData(data=byte_array(samples)))
        message.header.stamp = stamp
        message.header.frame_id = 'microphone'
        self._audio.publish(message)

    def _emit_picture(self, pixels: np.ndarray, stamp: Time) -> None:
        if self._server.value.image_transport == 'compressed':
            data = _jpeg(pixels, self._server.value.jpeg_quality)
            message = CompressedImage(format='rgb8; jpeg compressed bgr8', data=byte_array(data))
            publisher = self._compressed
        else:
            height, width, channels = pixels.shape
            message = Image(height=height, width=width, encoding='rgb8', step=width * channels)
            message.data = byte_array(pixels)
            publisher = self._image
        message.header.stamp = stamp
        message.header.frame_id = self._server.value.frame_id
        publisher.publish(message)

    def _emit_recorded(self, item: Recorded, stamp: Time) -> None:
        kinds = {
            'sensor_msgs/msg/Image': (Image, self._image),
            'sensor_msgs/msg/CompressedImage': (CompressedImage, self._compressed),
            'audio_common_msgs/msg/AudioDataStamped': (AudioDataStamped, self._audio),
            'audio_common_msgs/msg/AudioInfo': (AudioInfo, self._audio_info),
        }
        if item.type_name not in kinds:
            self.get_logger().warning(f'{item.type_name} cannot be published here', once=True)
            return
        kind, publisher = kinds[item.type_name]
        message = deserialize_message(item.data, kind)
        if hasattr(message, 'header'):
            message.header.stamp = stamp
        publisher.publish(message)

    def _on_finished(self, error: Optional[MediaError]) -> None:
        if error is None:
            self._status = (Level.OK, 'finished')
            self.get_logger().info(f'end of {self._server.value.source}')
        else:
            self._status = (Level.ERROR, str(error))
            self.get_logger().error(str(error))
        self._finished.publish(Bool(data=True))

    def _collect(self) -> list[Status]:
        level, message = self._status
        return [Status('media', level, message, {'position [s]': self._elapsed})]


_AUDIO_INFO = AudioInfo(
    channels=1,
    sample_rate=SAMPLE_RATE,
    sample_format='S16LE',
    bitrate=SAMPLE_RATE * 16,
    coding_format='wave',
)


def _jpeg(pixels: np.ndarray, quality: int) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, 'jpeg', quality=quality)
    return buffer.getvalue()


def main(args: Optional[list[str]] = None) -> int:
    """Run the node until it is told to stop."""
    return run_node(MediaNode, args)


if __name__ == '__main__':
    sys.exit(main())
