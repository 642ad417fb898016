# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Barge-in on ROS: what is heard and played goes in, Interruption messages come out."""

from __future__ import annotations

from collections.abc import Callable
import math
import time

from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from minicpmo_ros import qos
from minicpmo_ros.barge_in.controller import BargeInController, Command, PlaybackReport
from minicpmo_ros.barge_in.emergency_stop import EmergencyStop
from minicpmo_ros.barge_in.policy import Input, Output, State
from minicpmo_ros.barge_in.speech_evidence import SpeechFrame
from minicpmo_ros.bridge.barge_in_parameter import BargeInParameters
from minicpmo_ros.diagnostics import Level, Status
from minicpmo_ros.msg import (
    DuplexState,
    Interruption,
    PlaybackStatus,
    SpeechChunk,
    UserSpeech,
)
from minicpmo_ros.on_demand_timer import OnDemandTimer
from minicpmo_ros.parameter_server import ParameterServer
from minicpmo_ros.stamp import duration_message, seconds_of

TICK_SECONDS = 0.05
STAGES = {
    Output.PAUSE: Interruption.PAUSE,
    Output.CONFIRM: Interruption.CONFIRM,
    Output.RESUME: Interruption.RESUME,
}


class BargeInComponent:
    """Connects the controller to topics and services.

    Times are those of arrival on the monotonic clock: what counts is when the robot can react.
    Other components may stop the robot with ``stop``, follow what happens with ``on_command`` and
    what is heard with ``on_speech_frame``, and ask ``emergency_stop``.
    """

    def __init__(self, node: Node) -> None:
        self.on_command: list[Callable[[Command], None]] = []
        self.on_speech_frame: list[Callable[[SpeechFrame], None]] = []
        self._node = node
        self._server = ParameterServer(node, BargeInParameters, self._apply)
        parameters = self._server.value
        self.controller = BargeInController(parameters.barge_in)
        self.emergency_stop = EmergencyStop(
            parameters.emergency_stop_required, parameters.emergency_stop_timeout
        )
        self._halted = False
        self._counts = dict.fromkeys(Output, 0)
        self._heard_speech_at = -math.inf
        self._is_speaking = False
        self._create_interfaces()

    def _create_interfaces(self) -> None:
        node, subscribe = self._node, self._node.create_subscription
        self._interruption = node.create_publisher(Interruption, 'interruption', qos.EVENT)
        self._speaking = node.create_publisher(Bool, 'is_speaking', qos.STATE)
        self._speaking.publish(Bool(data=False))
        subscribe(UserSpeech, 'user_speech', self._on_user_speech, qos.SPEECH_ACTIVITY)
        subscribe(PlaybackStatus, 'playback', self._on_playback, qos.EVENT)
        subscribe(DuplexState, 'duplex_state', self._on_duplex_state, qos.STATE)
        subscribe(SpeechChunk, 'speech', self._on_speech, qos.STREAM)
        subscribe(Interruption, 'interruption', self._on_interruption, qos.EVENT)
        subscribe(Bool, 'emergency_stop', self._on_emergency_stop, qos.EMERGENCY_STOP)
        node.create_service(Trigger, '~/interrupt', self._on_interrupt)
        node.create_service(SetBool, '~/push_to_talk', self._on_push_to_talk)
        self._timer = OnDemandTimer(node, TICK_SECONDS, self._tick, self._waits)

    def stop(self, event: Input, confidence: float = math.nan) -> None:
        """Stop the robot for another reason than talking, e.g. a stop phrase or an action."""
        self._issue(self.controller.command(event, time.monotonic(), confidence))

    def _apply(self, parameters: BargeInParameters, changed: set[str]) -> None:
        self.controller.configure(parameters.barge_in)
        self.emergency_stop.required = parameters.emergency_stop_required
        self.emergency_stop.timeout = parameters.emergency_stop_timeout
        self._follow_emergency_stop()
        self._timer.wake()

    def _on_user_speech(self, message: UserSpeech) -> None:
        self._heard_speech_at = time.monotonic()
        frame = SpeechFrame(self._heard_speech_at, message.probability, message.level)
        self._issue(self.controller.user_speech(frame))
        self._timer.wake()
        for listener in self.on_speech_frame:
            listener(frame)

    def _on_playback(self, message: PlaybackStatus) -> None:
        report = PlaybackReport(
            time=time.monotonic(),
            turn_id=message.turn_id,
            epoch=message.epoch,
            playing=message.playing,
            paused=message.paused,
            played=seconds_of(message.played),
            queued=seconds_of(message.queued),
        )
        self._issue(self.controller.playback(report))
        self._show_speaking(message.playing)

    def _show_speaking(self, speaking: bool) -> None:
        if speaking != self._is_speaking:
            self._is_speaking = speaking
            self._speaking.publish(Bool(data=speaking))

    def _on_duplex_state(self, message: DuplexState) -> None:
        speaking = message.state == DuplexState.SPEAKING
        now = time.monotonic()
        self._issue(self.controller.model(speaking, message.turn_id, message.epoch, now))

    def _on_speech(self, message: SpeechChunk) -> None:
        if not message.sample_rate:
            return
        seconds = len(message.data) / (2 * message.sample_rate)
        self.controller.heard.add(
            message.turn_id, seconds_of(message.offset), seconds, message.text
        )

    def _on_interruption(self, message: Interruption) -> None:
        if message.stage == Interruption.CONFIRM and message.source != self._node.get_name():
            self._issue(self.controller.cut_elsewhere(message.epoch, time.monotonic()))

    def _on_emergency_stop(self, message: Bool) -> None:
        self.emergency_stop.update(message.data, time.monotonic())
        self._follow_emergency_stop()

    def _follow_emergency_stop(self) -> None:
        stopped = self.emergency_stop.stopped(time.monotonic())
        if stopped != self._halted:
            self._halted = stopped
            self.stop(Input.HALT if stopped else Input.RELEASE)

    def _on_interrupt(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        self.stop(Input.REQUEST)
        response.success = True
        response.message = f'epoch {self.controller.epoch} is void'
        return response

    def _on_push_to_talk(
        self, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        if request.data:
            self.stop(Input.TALK_PRESSED)
        response.success = self._server.value.barge_in.mode == 'push_to_talk'
        response.message = '' if response.success else 'barge_in.mode is not push_to_talk'
        return response

    def _waits(self) -> bool:
        """Return whether silence of a topic would mean something."""
        return self.controller.hears_speech or self.emergency_stop.expires

    def _tick(self) -> None:
        self._issue(self.controller.tick(time.monotonic()))
        self._follow_emergency_stop()

    def _issue(self, commands: list[Command]) -> None:
        for command in commands:
            self._counts[command.stage] += 1
            message = Interruption(
                stage=STAGES[command.stage],
                turn_id=command.turn_id,
                epoch=command.epoch,
                reason=int(command.reason),
                played=duration_message(max(command.played, 0.0)),
                heard_text=command.heard_text,
                confidence=command.confidence,
                source=self._node.get_name(),
            )
            message.header.stamp = self._node.get_clock().now().to_msg()
            self._interruption.publish(message)
            for listener in self.on_command:
                listener(command)

    def status(self) -> Status:
        """Return the health of the barge-in."""
        floor = self.controller.noise_floor.level
        values = {
            'state': self.controller.state.value,
            'noise floor [dBFS]': floor,
            **{f'{stage.value} sent': count for stage, count in self._counts.items()},
        }
        if self.controller.state is State.HALTED:
            return Status('barge-in', Level.WARN, 'silenced by the emergency stop', values)
        deaf = time.monotonic() - self._heard_speech_at > 2.0
        if deaf and self._server.value.barge_in.mode == 'open':
            return Status(
                'barge-in', Level.WARN, 'no user_speech arrives: nobody can interrupt', values
            )
        return Status('barge-in', Level.OK, self.controller.state.value, values)
