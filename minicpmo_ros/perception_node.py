# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node that aligns camera and microphone to units of one second."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
import sys
import time
from typing import Any, Optional

import cv2
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from minicpmo_ros import qos
from minicpmo_ros.diagnostics import Diagnostics
from minicpmo_ros.errors import MessageError
from minicpmo_ros.message_bytes import sample_array
from minicpmo_ros.msg import OmniUnit, UserSpeech
from minicpmo_ros.node_main import run_node
from minicpmo_ros.parameter_server import ParameterServer
from minicpmo_ros.perception.aligned_unit import AlignedUnit
from minicpmo_ros.perception.camera_component import CameraComponent
from minicpmo_ros.perception.frame_selector import Frame
from minicpmo_ros.perception.health_component import HealthComponent
from minicpmo_ros.perception.microphone_component import MicrophoneComponent
from minicpmo_ros.perception.parameter_set import PerceptionParameters
from minicpmo_ros.perception.pipeline import PerceptionPipeline, Topics
from minicpmo_ros.perception.rejection_log import RejectionLog
from minicpmo_ros.perception.unit_aligner import SAMPLE_RATE
from minicpmo_ros.perception.work_queue import WorkQueue
from minicpmo_ros.stamp import duration_message, seconds_of, time_message

CameraMessage = Image | CompressedImage

STOP_SECONDS = 1.0
NANOSECONDS = 1e9


class PerceptionNode(Node):
    """Thin node around PerceptionPipeline: callbacks hand over, one thread does the work.

    That thread also reads, reduces and encodes the pictures that units use, and publishes.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__('perception_node', **node_options)
        self._resources = ExitStack()
        self._server = ParameterServer(self, PerceptionParameters, self._apply)
        self.rejections = RejectionLog(time.monotonic, self.get_logger().warning)
        self.work = WorkQueue(self._poll, self._on_failure)
        self._resources.callback(self._stop_work)
        self.camera = self.microphone = None
        self._create_subscriptions()
        topics = Topics(
            image=self.camera.topic if self.camera else '',
            audio=self.microphone.topic if self.microphone else '',
        )
        self.pipeline: PerceptionPipeline[CameraMessage] = PerceptionPipeline(
            self.parameters.aligner_configuration(), topics, self.rejections
        )
        self._prepared: dict[float, Optional[CompressedImage]] = {}
        self.delays: deque[float] = deque(maxlen=60)
        self._units = self.create_publisher(OmniUnit, 'omni_unit', qos.STREAM)
        self._health = HealthComponent(self)
        self._diagnostics = Diagnostics(self, 'perception', self._health.collect)
        self.work.start()

    @property
    def parameters(self) -> PerceptionParameters:
        """Return the parameters in force."""
        return self._server.value

    def destroy_node(self) -> None:
        """Stop the thread and destroy the node."""
        self._resources.close()
        super().destroy_node()

    def _stop_work(self) -> None:
        if not self.work.stop(STOP_SECONDS):
            self.get_logger().warning('a picture is still being read; leaving it behind')

    def _create_subscriptions(self) -> None:
        parameters = self.parameters
        if parameters.use_image:
            self.camera = CameraComponent(
                self,
                parameters.image_transport,
                parameters.large_frame_rate,
                self._on_frame,
                self._on_camera_problem,
            )
        if parameters.use_audio:
            self.microphone = MicrophoneComponent(
                self, parameters.audio_type, self._on_sound, self.rejections.note
            )
        self.create_subscription(
            UserSpeech, 'user_speech', self._on_user_speech, qos.SPEECH_ACTIVITY
        )

    # In the executor: hand over and return

    def _apply(self, parameters: PerceptionParameters, changed: set[str]) -> None:
        configuration = parameters.aligner_configuration()
        self.work.put(lambda: self.pipeline.aligner.configure(configuration))

    def _on_frame(self, stamp: Optional[int], frame: CameraMessage) -> None:
        seconds, now = self._seconds(stamp), self._now()
        self.work.put_frame(
            lambda: self._publish(self.pipeline.push_frame(seconds, frame, now)), len(frame.data)
        )

    def _on_camera_problem(self, reason: str) -> None:
        self.rejections.note(self.camera.topic, reason)

    def _on_sound(self, stamp: Optional[int], message: Any) -> None:
        seconds, now = self._seconds(stamp), self._now()
        self.work.put(lambda: self._hear(seconds, message, now))

    def _on_user_speech(self, message: UserSpeech) -> None:
        stamp, active, now = seconds_of(message.header.stamp), message.active, self._now()
        self.work.put(lambda: self._publish(self.pipeline.push_speech(stamp, active, now)))

    def _seconds(self, stamp: Optional[int]) -> Optional[float]:
        """Return a stamp in seconds, None where the time of arrival is to be used."""
        if stamp is None or self.parameters.stamp_source == 'arrival':
            return None
        return stamp / NANOSECONDS

    def _now(self) -> float:
        return self.get_clock().now().nanoseconds / NANOSECONDS

    # In the thread of the work queue

    def _hear(self, stamp: Optional[float], message: Any, now: float) -> None:
        for block in self.microphone.read(stamp, message, now):
            self._publish(self.pipeline.push_sound(*block))
        for frame in self.pipeline.aligner.freeze_frames():
            self._prepared[frame.stamp] = self._picture(frame)

    def _poll(self) -> None:
        self._publish(self.pipeline.poll(self._now()))
        self._health.measure(time.monotonic())

    def _publish(self, units: list[AlignedUnit[CameraMessage]]) -> None:
        for unit in units:
            self._units.publish(self._message(unit))
            self.delays.append(self._now() - unit.end)

    def _message(self, unit: AlignedUnit[CameraMessage]) -> OmniUnit:
        message = OmniUnit(
            unit_index=unit.index,
            audio_end=time_message(round(unit.end * NANOSECONDS)),
            sample_rate=SAMPLE_RATE,
            audio=sample_array(unit.audio),
            user_speaking=unit.user_speaking,
            speech_fraction=unit.speech_fraction,
            inserted_silence=duration_message(unit.inserted_silence / SAMPLE_RATE),
            closed_early=unit.closed_early,
            images_dropped=unit.frames_dropped,
        )
        message.header.stamp = time_message(round(unit.begin * NANOSECONDS))
        heard = self.microphone.frame_id if self.microphone else ''
        message.header.frame_id = heard or self.parameters.frame_id
        pictures = [
            self._prepared[frame.stamp] if frame.stamp in self._prepared else self._picture(frame)
            for frame in unit.frames
        ]
        self._prepared.clear()
        if self.camera is not None and not self.camera.enabled:
            pictures = []  # taken before it was switched off
        message.images = [picture for picture in pictures if picture is not None]
        message.images_dropped += len(pictures) - len(message.images)
        return message

    def _picture(self, frame: Frame[CameraMessage]) -> Optional[CompressedImage]:
        """Return the picture of a frame; None and a report when it is malformed."""
        parameters = self.parameters
        try:
            picture = self.camera.picture(
                frame.payload, parameters.image_max_side, parameters.jpeg_quality
            )
        except MessageError as error:
            self._on_camera_problem(str(error))
            return None
        if abs(seconds_of(picture.header.stamp) - frame.stamp) > 1e-3:
            picture.header.stamp = time_message(round(frame.stamp * NANOSECONDS))
        return picture

    def _on_failure(self, error: Exception) -> None:
        self.rejections.note('perception_node', f'unexpected {error!r}')


def main(args: Optional[list[str]] = None) -> int:
    """Run the node until it is told to stop."""
    # The work is small and shares the machine with a model: more threads cost more than they give.
    cv2.setNumThreads(1)
    return run_node(PerceptionNode, args)


if __name__ == '__main__':
    sys.exit(main())
