# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Microphone and loudspeaker: clean audio, user speech and playback on one full-duplex stream."""

from __future__ import annotations

from contextlib import ExitStack
import math
import sys
import time
from typing import Any, Optional

from audio_common_msgs.msg import AudioDataStamped, AudioInfo
import numpy as np
from rclpy.node import Node

from minicpmo_ros import qos
from minicpmo_ros.diagnostics import Diagnostics, Level, Status
from minicpmo_ros.message_bytes import byte_array
from minicpmo_ros.node_main import run_node
from minicpmo_ros.parameter_server import ParameterServer
from minicpmo_ros.sound_device.audio_device import AudioDevice
from minicpmo_ros.sound_device.audio_engine import AudioEngine, AudioFrame
from minicpmo_ros.sound_device.device_stream import DeviceStream, StreamState
from minicpmo_ros.sound_device.echo_canceller import SAMPLE_RATE
from minicpmo_ros.sound_device.full_duplex_stream import NO_DEVICE, FullDuplexStream
from minicpmo_ros.sound_device.microphone_subscription import MicrophoneSubscription
from minicpmo_ros.sound_device.parameter_set import AudioDeviceParameters
from minicpmo_ros.sound_device.playback_component import PlaybackComponent
from minicpmo_ros.sound_device.software_clock_stream import SoftwareClockStream
from minicpmo_ros.sound_device.speech_detector import level_dbfs
from minicpmo_ros.sound_device.user_speech_component import UserSpeechComponent
from minicpmo_ros.stamp import time_message

WARNING_SECONDS = 5.0
# Weight of the newest frame in the smoothed levels of the diagnostics: about 3 s.
SMOOTHING = 0.01


class AudioDeviceNode(Node):
    """Thin node around AudioDevice; the work is done in its threads."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('audio_device_node', **node_options)
        self._resources = ExitStack()
        self._server = ParameterServer(self, AudioDeviceParameters, self._apply)
        parameters = self._server.value
        self._virtual = parameters.device == NO_DEVICE
        self._raw_level = self._clean_level = math.nan
        self._errors = 0
        self._audio = self._info = None
        self._user_speech = UserSpeechComponent(self, parameters.frame_id, self._nanoseconds)
        if not self._virtual:
            self._audio = self.create_publisher(AudioDataStamped, 'audio', qos.MICROPHONE)
            self._info = self.create_publisher(AudioInfo, 'audio_info', qos.AUDIO_INFO_PUBLISHER)
            self.create_timer(1.0, self._publish_info)
        engine = AudioEngine(parameters.audio_config())
        self._device = AudioDevice(
            engine,
            self._make_stream,
            self._on_frame,
            self._on_error,
            None if self._virtual else self._on_block,
            lambda: self._playback.report(),
        )
        self._resources.callback(self._device.stop)
        self._playback = PlaybackComponent(
            self,
            engine.playback,
            self._device.playback_state,
            lambda: engine.rendered_level,
        )
        if self._virtual:
            self._microphone = MicrophoneSubscription(self, self._device.feed)
        self._diagnostics = Diagnostics(self, 'sound card', self._collect)
        self._device.start()

    def _make_stream(self, device: AudioDevice) -> DeviceStream:
        if self._virtual:
            return SoftwareClockStream(device, SAMPLE_RATE)
        return FullDuplexStream(device, self._server.value.stream_config())

    def _apply(self, parameters: AudioDeviceParameters, changed: set[str]) -> None:
        self._device.engine.volume = parameters.volume

    def destroy_node(self) -> None:
        """Close the device and destroy the node."""
        self._resources.close()
        super().destroy_node()

    # In the analysis thread

    def _on_frame(self, frame: AudioFrame, capture_time: float) -> None:
        self._user_speech.publish(frame, capture_time)
        self._follow_levels(frame)

    def _on_block(self, samples: np.ndarray, capture_time: float) -> None:
        self._audio.publish(self._audio_message(samples, capture_time))

    def _on_error(self, error: Exception) -> None:
        self._errors += 1
        self.get_logger().error(
            f'analysis of the microphone failed: {error!r}', throttle_duration_sec=WARNING_SECONDS
        )

    def _follow_levels(self, frame: AudioFrame) -> None:
        """Smooth the echo before and after cancellation, while only the robot speaks."""
        if frame.detection.active or not self._device.engine.playback.state().playing:
            return
        raw, clean = level_dbfs(frame.raw), level_dbfs(frame.samples)
        if math.isnan(self._raw_level):
            self._raw_level, self._clean_level = raw, clean
        self._raw_level += SMOOTHING * (raw - self._raw_level)
        self._clean_level += SMOOTHING * (clean - self._clean_level)

    # Messages

    def _nanoseconds(self, capture_time: float) -> int:
        """Return ROS time of a time of the device's clock."""
        if self._virtual:
            return round(capture_time * 1e9)
        age = time.monotonic() - capture_time
        return self.get_clock().now().nanoseconds - round(age * 1e9)

    def _audio_message(self, samples: np.ndarray, capture_time: float) -> AudioDataStamped:
        message = AudioDataStamped()
        message.header.stamp = time_message(self._nanoseconds(capture_time))
        message.header.frame_id = self._server.value.frame_id
        message.audio.data = byte_array(samples)
        return message

    def _publish_info(self) -> None:
        self._info.publish(
            AudioInfo(
                channels=1,
                sample_rate=SAMPLE_RATE,
                sample_format='S16LE',
                bitrate=0,
                coding_format='wave',
            )
        )

    # Health

    def _collect(self) -> list[Status]:
        return [self._stream_status(), self._microphone_status(), self._playback.status()]

    def _stream_status(self) -> Status:
        stream = self._device.status()
        values = {
            'sample rate [Hz]': stream.sample_rate,
            'overruns': stream.overruns,
            'underruns': stream.underruns,
            'times opened': stream.openings,
            'blocks dropped': self._device.dropped_blocks,
            'echo filter restarts': self._device.engine.echo_filter_restarts,
        }
        if stream.state is StreamState.RUNNING:
            return Status('device', Level.OK, stream.detail, values)
        return Status('device', Level.ERROR, f'{stream.detail}; still looking', values)

    def _microphone_status(self) -> Status:
        values = {
            'frames': self._user_speech.frames,
            'unusable samples': self._device.engine.unusable_samples,
            'echo at the microphone [dBFS]': self._raw_level,
            'echo after cancellation [dBFS]': self._clean_level,
            'errors': self._errors,
        }
        if self._errors or self._device.engine.unusable_samples:
            return Status('microphone', Level.WARN, 'unusable samples or failed frames', values)
        message = 'listening' if self._user_speech.frames else 'nothing heard yet'
        return Status('microphone', Level.OK, message, values)


def main(args: Optional[list[str]] = None) -> int:
    """Run the node until it is told to stop."""
    return run_node(AudioDeviceNode, args)


if __name__ == '__main__':
    sys.exit(main())
