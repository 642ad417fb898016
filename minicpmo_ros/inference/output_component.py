# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything the inference node publishes about turns; called in the worker's thread."""

from __future__ import annotations

from collections.abc import Callable
import hashlib
from typing import Optional
import uuid

from rclpy.node import Node
from std_msgs.msg import String

from minicpmo_ros import qos
from minicpmo_ros.inference import message_builder as build
from minicpmo_ros.inference.parameter_set import InferenceParameters
from minicpmo_ros.inference.turn_tracker import TurnOutput
from minicpmo_ros.inference.unit_outcome import UnitOutcome
from minicpmo_ros.inference.unit_queue import PendingUnit
from minicpmo_ros.msg import Interruption, ProactiveEvent, SpeechChunk, TextDelta, UnitReport
from minicpmo_ros.stamp import time_message


class OutputComponent:
    """Publishers of speech, text, events, interruptions and unit reports.

    model_id: identity of the loaded model, set by the owner once it is known.
    """

    def __init__(self, node: Node, parameters: Callable[[], InferenceParameters]) -> None:
        self.model_id = ''
        self._node = node
        self._parameters = parameters
        self._event_id = ''
        self._event_unit: Optional[PendingUnit] = None
        publisher = node.create_publisher
        self._speech = publisher(SpeechChunk, 'speech', qos.STREAM)
        self._text_delta = publisher(TextDelta, 'text_delta', qos.STREAM)
        self._text = publisher(String, 'text', qos.EVENT)
        self._events = publisher(ProactiveEvent, 'events', qos.EVENT)
        self._report = publisher(UnitReport, 'unit_report', qos.STREAM)
        self._interruption = publisher(Interruption, 'interruption', qos.EVENT)

    def publish_turn(self, output: TurnOutput, unit: PendingUnit) -> None:
        """Publish what one unit adds to the conversation."""
        stamp = self._now()
        if output.speech is not None:
            self._speech.publish(build.speech_chunk(output, output.speech, stamp))
        if output.text is not None:
            locale = self._parameters().locale
            self._text_delta.publish(build.text_delta(output, output.text, locale, stamp))
        if output.utterance:
            self._text.publish(String(data=output.utterance))
        if output.proactive and output.began:
            self._open_event(output, unit)
        if output.ended:
            self._close_event(output, unit)

    def publish_cut(self, output: TurnOutput, heard_text: str) -> None:
        """Publish the text of a turn that was cut short, as far as it was heard."""
        self._text.publish(String(data=heard_text or output.utterance or ''))
        self._close_event(output, self._event_unit)

    def publish_report(self, outcome: UnitOutcome, turn_id: int, epoch: int) -> None:
        """Publish how a unit was processed."""
        delay = (self._now() - outcome.unit.end) / 1e9 - outcome.total_time
        self._report.publish(build.unit_report(outcome, turn_id, epoch, delay))

    def publish_interruption(self, turn_id: int, epoch: int, reason: int) -> None:
        """Void an epoch everywhere."""
        message = Interruption(
            stage=Interruption.CONFIRM,
            epoch=epoch,
            turn_id=turn_id,
            reason=reason,
            confidence=float('nan'),
            source=self._node.get_name(),
        )
        message.header.stamp = time_message(self._now())
        self._interruption.publish(message)

    def _open_event(self, output: TurnOutput, unit: PendingUnit) -> None:
        self._event_id = uuid.uuid4().hex
        self._event_unit = unit
        text = output.text.delta.strip() if output.text is not None else ''
        snapshot = unit.images[-1] if unit.images and self._parameters().publish_snapshots else b''
        self._publish_event(build.model_event(output, unit, self._event_id, text, snapshot))

    def _close_event(self, output: TurnOutput, unit: Optional[PendingUnit]) -> None:
        if not self._event_id:
            return
        event = build.model_event(output, unit, self._event_id, output.utterance or '', b'')
        event.type = ProactiveEvent.CLOSED
        event.evidence_begin = time_message(self._event_unit.begin)
        self._publish_event(event)
        self._event_id = ''

    def _publish_event(self, event: ProactiveEvent) -> None:
        event.header.stamp = time_message(self._now())
        event.model_id = self.model_id
        instruction = self._parameters().instruction
        event.prompt_id = hashlib.sha256(instruction.encode()).hexdigest()[:16]
        self._events.publish(event)

    def _now(self) -> int:
        return self._node.get_clock().now().nanoseconds
