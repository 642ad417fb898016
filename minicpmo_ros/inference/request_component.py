# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What other nodes want of the model: context, announcements, answers; who speaks; the camera."""

from __future__ import annotations

import math
from typing import Optional

from rclpy.node import Node
from std_msgs.msg import Bool

from minicpmo.protocol import Capabilities
from minicpmo_ros import qos
from minicpmo_ros.inference.unit_queue import PendingUnit
from minicpmo_ros.inference.worker import InferenceWorker
from minicpmo_ros.msg import Announcement, ContextNote, UserSpeech, WatchAnswer, WatchQuestion
from minicpmo_ros.stamp import time_message

MOST_CHARACTERS = 400
ANNOUNCEMENT_NOTE = 'Tell the user now: {text}'


class RequestComponent:
    """Belongs to the inference node; answers come in the worker's thread.

    share: part of a second that questions may take per second.
    """

    def __init__(self, node: Node, share: float) -> None:
        self._worker: Optional[InferenceWorker] = None
        self._capabilities: Optional[Capabilities] = None
        self._camera = True
        self._share = share
        self._now = node.get_clock().now
        self._answers = node.create_publisher(WatchAnswer, 'watch_answer', qos.EVENT)
        self._supported = node.create_publisher(Bool, 'questions_supported', qos.STATE)
        subscribe = node.create_subscription
        subscribe(ContextNote, 'context_note', self._on_note, qos.EVENT)
        subscribe(Announcement, 'announcement', self._on_announcement, qos.EVENT)
        subscribe(WatchQuestion, 'watch_question', self._on_question, qos.EVENT)
        subscribe(Bool, 'camera_enabled', self._on_camera, qos.STATE)
        subscribe(UserSpeech, 'user_speech', self._on_user_speech, qos.SPEECH_ACTIVITY)

    def attach(self, worker: InferenceWorker, capabilities: Capabilities) -> None:
        """Use this worker from now on."""
        self._worker, self._capabilities = worker, capabilities
        worker.camera = self._camera
        self.set_share(self._share)
        self._supported.publish(Bool(data=capabilities.yes_no_questions))

    def detach(self) -> None:
        """Forget the worker: the model is freed."""
        self._worker = self._capabilities = None

    def set_share(self, share: float) -> None:
        """Bound the time for questions [s per s]."""
        self._share = share
        if self._worker is not None:
            self._worker.budget.share = share

    def answer(self, watch_id: str, probability: Optional[float], unit: PendingUnit) -> None:
        """Publish what the model answered about a unit."""
        unknown = probability is None
        message = self._message(watch_id, math.nan if unknown else probability)
        message.header.stamp = message.evidence_begin = time_message(unit.begin)
        message.evidence_end = time_message(unit.end)
        self._answers.publish(message)

    def _on_note(self, message: ContextNote) -> None:
        text = message.text.strip()[:MOST_CHARACTERS]
        capabilities = self._capabilities
        if text and capabilities is not None and capabilities.context_notes:
            self._worker.note(text)

    def _on_announcement(self, message: Announcement) -> None:
        text = message.text.strip()[:MOST_CHARACTERS]
        capabilities = self._capabilities
        if not text or capabilities is None:
            return
        if capabilities.says_given_words and not (
            message.own_words and capabilities.context_notes
        ):
            self._worker.announce(text)
        elif capabilities.context_notes:
            self._worker.note(ANNOUNCEMENT_NOTE.replace('{text}', text))

    def _on_question(self, message: WatchQuestion) -> None:
        question = message.question.strip()[:MOST_CHARACTERS]
        if self._worker is None or self._capabilities is None or not question:
            return
        if self._capabilities.yes_no_questions:
            self._worker.ask(message.watch_id, question)
            return
        refusal = self._message(message.watch_id, math.nan)
        refusal.header.stamp = self._now().to_msg()
        self._answers.publish(refusal)

    def _message(self, watch_id: str, probability: float) -> WatchAnswer:
        model = self._capabilities.model_id if self._capabilities is not None else ''
        return WatchAnswer(watch_id=watch_id, probability=probability, model_id=model)

    def _on_user_speech(self, message: UserSpeech) -> None:
        if self._worker is not None:
            self._worker.note_speech(message.active)

    def _on_camera(self, message: Bool) -> None:
        self._camera = message.data
        if self._worker is not None:
            self._worker.camera = message.data
