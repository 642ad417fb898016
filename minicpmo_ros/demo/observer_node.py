# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node that watches a running assistant: transcript, observation and recording."""

from __future__ import annotations

from collections.abc import Callable
import json
from pathlib import Path
import time
from typing import Any, Optional

from audio_common_msgs.msg import AudioDataStamped, AudioInfo
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Bool, String

from minicpmo_ros import qos
from minicpmo_ros.demo.message_reader import MessageReader
from minicpmo_ros.demo.observation import Caption, Observation, PlaybackSeen
from minicpmo_ros.demo.topic_recorder import TopicRecorder
from minicpmo_ros.demo.transcript import Transcript
from minicpmo_ros.message_bytes import read_samples
from minicpmo_ros.msg import (
    ActionRequest,
    ActionStatus,
    ContextNote,
    DuplexState,
    Interruption,
    OmniUnit,
    PlaybackStatus,
    ProactiveEvent,
    SpeechChunk,
    TextDelta,
    UnitReport,
    UserSpeech,
)
from minicpmo_ros.stamp import nanoseconds_of

RECORDED = {
    'image/compressed': (CompressedImage, qos.CAMERA),
    'audio': (AudioDataStamped, qos.MICROPHONE),
    'audio_info': (AudioInfo, qos.AUDIO_INFO),
    'user_speech': (UserSpeech, qos.SPEECH_ACTIVITY),
    'omni_unit': (OmniUnit, qos.STREAM),
    'unit_report': (UnitReport, qos.STREAM),
    'speech': (SpeechChunk, qos.STREAM),
    'text_delta': (TextDelta, qos.STREAM),
    'text': (String, qos.EVENT),
    'events': (ProactiveEvent, qos.EVENT),
    'duplex_state': (DuplexState, qos.STATE),
    'interruption': (Interruption, qos.EVENT),
    'playback': (PlaybackStatus, qos.EVENT),
    'is_speaking': (Bool, qos.STATE),
    'context_note': (ContextNote, qos.EVENT),
    'action_request': (ActionRequest, qos.EVENT),
    'action_status': (ActionStatus, qos.EVENT),
    'media_node/finished': (Bool, qos.STATE),
    '/diagnostics': (DiagnosticArray, 10),
}


class ObserverNode(Node):
    """Subscribes to everything; what comes before the first unit is recorded only."""

    def __init__(
        self, namespace: str, output: Path, transcript: Transcript, observation: Observation
    ) -> None:
        super().__init__('demo_observer', namespace=namespace)
        self.observation = observation
        self.media_finished = False
        self.failure = ''
        self.last_activity = time.monotonic()
        self._transcript = transcript
        self._reader: Optional[MessageReader] = None
        self._captions = sorted(observation.captions, key=lambda caption: caption.begin)
        self._problems: set[str] = set()
        self._speech_began: Optional[float] = None
        self._recorder = TopicRecorder(output / 'recording.mcap')
        self._events = (output / 'events.jsonl').open('w')
        for topic, (kind, profile) in RECORDED.items():
            self._subscribe(topic, kind, profile)

    def destroy_node(self) -> None:
        """Finish the files."""
        if self._speech_began is not None:
            self._add_user_speech(self.observation.seconds)
        self._recorder.close()
        self._events.close()
        super().destroy_node()

    def _subscribe(self, topic: str, kind: type, profile: Any) -> None:
        package = kind.__module__.split('.')[0]
        type_name = f'{package}/msg/{kind.__name__}'
        handler: Optional[Callable[[Any], None]] = getattr(
            self, f'_on_{topic.replace("/", "_")}', None
        )

        def receive(data: bytes) -> None:
            now = self.get_clock().now().nanoseconds
            self._recorder.write(self.resolve_topic_name(topic), type_name, data, now)
            if handler is not None:
                handler(deserialize_message(data, kind))

        self.create_subscription(kind, topic, receive, profile, raw=True)

    def _on_media_node_finished(self, message: Bool) -> None:
        self.media_finished = message.data

    def _on_duplex_state(self, message: DuplexState) -> None:
        if message.state == DuplexState.ERROR:
            self.failure = f'the inference node failed: {message.detail}'

    def _on__diagnostics(self, message: DiagnosticArray) -> None:
        """Say once what keeps a node from working, such as a sound card that is not there."""
        for status in message.status:
            problem = f'{status.name.rsplit("/", 1)[-1]}: {status.message}'
            if status.level == DiagnosticStatus.ERROR and problem not in self._problems:
                self._problems.add(problem)
                self._transcript.problem(problem)

    def _on_omni_unit(self, message: OmniUnit) -> None:
        if self._reader is None:
            self._reader = MessageReader(nanoseconds_of(message.header.stamp))
        begin = self._reader.seconds(message.header.stamp)
        samples = read_samples(message.audio).copy()
        self.observation.microphone.append((begin, samples))
        for image in message.images:
            shown = self._reader.seconds(image.header.stamp)
            self.observation.pictures.append((shown, bytes(image.data)))

    def say_captions(self) -> None:
        """Write what the script of the recording says up to now."""
        if self._reader is None:
            return
        now = self._reader.seconds(self.get_clock().now().to_msg())
        while self._captions and self._captions[0].begin <= now:
            self._transcript.person(self._captions.pop(0))

    def _on_unit_report(self, message: UnitReport) -> None:
        if self._reader is None:
            return
        unit = self._reader.unit(message)
        if unit.end <= 0.0:
            return  # its sound was published before this node was found
        self.observation.units.append(unit)
        self._transcript.unit(unit)
        if unit.speaks:
            self.last_activity = time.monotonic()

    def _on_speech(self, message: SpeechChunk) -> None:
        if self._reader is None:
            return
        seen = self._reader.speech(message)
        self.observation.speech.append(seen)
        self._transcript.robot(seen.time, seen.turn_id, seen.text, seen.proactive)
        if seen.last:
            self._transcript.turn_end(seen.time, seen.turn_id)
        self.last_activity = time.monotonic()

    def _on_playback(self, message: PlaybackStatus) -> None:
        if self._reader is None:
            return
        seen: PlaybackSeen = self._reader.playback(message)
        self.observation.playback.append(seen)
        if seen.playing:
            self.last_activity = time.monotonic()

    def _on_interruption(self, message: Interruption) -> None:
        if self._reader is not None:
            seen = self._reader.interruption(message)
            self.observation.interruptions.append(seen)
            self._transcript.interruption(seen)

    def _on_events(self, message: ProactiveEvent) -> None:
        if self._reader is not None:
            event = self._reader.event(message)
            self.observation.events.append(event)
            self._transcript.event(event)
            self._events.write(json.dumps(vars(event)) + '\n')
            self._events.flush()

    def _on_user_speech(self, message: UserSpeech) -> None:
        if self._reader is None:
            return
        now = self._reader.seconds(message.header.stamp)
        if message.active and self._speech_began is None:
            self._speech_began = self._reader.seconds(message.onset)
            self._announce_speech(now)
        elif not message.active and self._speech_began is not None:
            self._add_user_speech(now)
            self._speech_began = None

    def _add_user_speech(self, end: float) -> None:
        """Keep speech up to ``end`` [s]; what began behind the last unit is left out."""
        if end > self._speech_began:
            self.observation.user_speech.append((self._speech_began, end))

    def _announce_speech(self, now: float) -> None:
        if not self.observation.captions:
            self._transcript.speech_detected(now)


def known_captions(captions: list[Caption], start: float) -> list[Caption]:
    """Return the captions from ``start`` [s] of the media on, in seconds of the playing."""
    return [
        Caption(c.begin - start, c.end - start, c.text, c.kind)
        for c in captions
        if c.begin >= start
    ]
