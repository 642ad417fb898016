# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tells the events what goes on: units, who talks, what the model did and said."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node

from minicpmo_ros import qos
from minicpmo_ros.msg import (
    DuplexState,
    OmniUnit,
    PlaybackStatus,
    TextDelta,
    UnitReport,
    UserSpeech,
)
from minicpmo_ros.watch.event_component import EventComponent


class RoomComponent:
    """Subscriptions of the events node; its callbacks only hand on.

    :param steady: a steady clock [s].
    """

    def __init__(self, node: Node, events: EventComponent, steady: Callable[[], float]) -> None:
        self._events = events
        self._room = events.room
        self._now = node.get_clock().now
        self._steady = steady
        subscribe = node.create_subscription
        subscribe(OmniUnit, 'omni_unit', self._on_unit, qos.STREAM)
        subscribe(UnitReport, 'unit_report', self._on_report, qos.STREAM)
        subscribe(UserSpeech, 'user_speech', self._on_user_speech, qos.SPEECH_ACTIVITY)
        subscribe(PlaybackStatus, 'playback', self._on_playback, qos.EVENT)
        subscribe(DuplexState, 'duplex_state', self._on_state, qos.STATE)
        subscribe(TextDelta, 'text_delta', self._on_text, qos.STREAM)

    def _on_unit(self, message: OmniUnit) -> None:
        if message.images and self._events.watch.camera:
            self._events.take_picture(bytes(message.images[-1].data))
        if message.user_speaking:
            self._room.note_user(True, self._steady())

    def _on_report(self, message: UnitReport) -> None:
        self._events.watch.unit_done(
            message.context_tokens,
            may_ask=message.units_behind == 0,
            wall=self._now().nanoseconds / 1e9,
            steady=self._steady(),
        )

    def _on_user_speech(self, message: UserSpeech) -> None:
        self._room.note_user(message.active, self._steady())

    def _on_playback(self, message: PlaybackStatus) -> None:
        self._room.playing = message.playing

    def _on_state(self, message: DuplexState) -> None:
        speaking = message.state == DuplexState.SPEAKING
        ready = speaking or message.state == DuplexState.LISTENING
        self._room.note_state(ready, speaking, self._steady())

    def _on_text(self, message: TextDelta) -> None:
        self._events.robot_said(message.turn_id, message.epoch, message.delta, message.last)
