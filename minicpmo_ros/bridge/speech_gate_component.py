# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Barge-in with foreign audio nodes: gates the speech and listens to their microphone."""

from __future__ import annotations

from audio_common_msgs.msg import AudioDataStamped, AudioInfo
import numpy as np
from rclpy.node import Node

from minicpmo_ros import qos
from minicpmo_ros.diagnostics import Level, Status
from minicpmo_ros.message_bytes import byte_array, to_int16
from minicpmo_ros.sound_device.audio_device import AudioDevice
from minicpmo_ros.sound_device.audio_engine import AudioConfig, AudioEngine
from minicpmo_ros.sound_device.echo_canceller import SAMPLE_RATE, EchoCancellation
from minicpmo_ros.sound_device.microphone_subscription import MicrophoneSubscription
from minicpmo_ros.sound_device.playback_component import PlaybackComponent
from minicpmo_ros.sound_device.software_clock_stream import SoftwareClockStream
from minicpmo_ros.sound_device.user_speech_component import UserSpeechComponent

# Published pieces: two blocks of the software clock. The foreign player holds at least one.
PIECE_BLOCKS = 2
WARNING_SECONDS = 5.0


class SpeechGateComponent:
    """Publishes ``speech/audio`` in pieces of 20 ms at real time, and ``user_speech``.

    It is the audio device without a device: the same queue, pace, fence and pauses. Echo must be
    cancelled by the foreign microphone; the foreign player's own buffer adds to every stop time.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._errors = 0
        self._waiting: list[np.ndarray] = []
        self._audio = node.create_publisher(AudioDataStamped, 'speech/audio', qos.STREAM)
        self._info = node.create_publisher(
            AudioInfo, 'speech/audio_info', qos.AUDIO_INFO_PUBLISHER
        )
        self._publish_info()
        self._engine = AudioEngine(AudioConfig(echo_cancellation=EchoCancellation.NONE))
        self._user_speech = UserSpeechComponent(node, '', lambda time: round(time * 1e9))
        self._device = AudioDevice(
            self._engine,
            lambda device: SoftwareClockStream(device, SAMPLE_RATE, sink=self._take),
            self._user_speech.publish,
            self._on_error,
            on_playback=lambda: self._playback.report(),
        )
        self._playback = PlaybackComponent(
            node,
            self._engine.playback,
            self._device.playback_state,
            lambda: self._engine.rendered_level,
        )
        self._microphone = MicrophoneSubscription(node, self._device.feed)
        self._device.start()

    def close(self) -> None:
        """Stop the threads."""
        self._device.stop()

    def _take(self, block: np.ndarray) -> None:
        """Collect what the clock renders; runs in its thread. Silence is not published."""
        if not block.any() and not self._waiting:
            return
        self._waiting.append(block)
        if len(self._waiting) < PIECE_BLOCKS:
            return
        message = AudioDataStamped()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.audio.data = byte_array(to_int16(np.concatenate(self._waiting)))
        self._waiting.clear()
        self._audio.publish(message)

    def _publish_info(self) -> None:
        self._info.publish(
            AudioInfo(
                channels=1, sample_rate=SAMPLE_RATE, sample_format='S16LE', coding_format='wave'
            )
        )

    def _on_error(self, error: Exception) -> None:
        self._errors += 1
        self._node.get_logger().error(
            f'analysis of the microphone failed: {error!r}', throttle_duration_sec=WARNING_SECONDS
        )

    def status(self) -> Status:
        """Return the health of the gate."""
        values = {
            'frames': self._user_speech.frames,
            'malformed audio': self._microphone.malformed,
            'errors': self._errors,
        }
        if self._errors or self._microphone.malformed:
            return Status('speech gate', Level.WARN, 'audio was unusable', values)
        message = 'listening' if self._user_speech.frames else 'no audio arrives yet'
        return Status('speech gate', Level.OK, message, values)
