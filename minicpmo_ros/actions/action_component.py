# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The action hooks of the bridge node: listens, decides with the manager, carries out."""

from __future__ import annotations

from dataclasses import replace
import json
import time

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import String
from std_srvs.srv import SetBool

from minicpmo_ros.actions.action_executor import ActionExecutor
from minicpmo_ros.actions.action_manager import (
    ActionManager,
    CancelCommand,
    Command,
    ForgetCommand,
    NoteCommand,
    Request,
    SendCommand,
    StatusCommand,
)
from minicpmo_ros.actions.action_parameters import ActionParameters
from minicpmo_ros.actions.action_publisher import ActionPublisher
from minicpmo_ros.actions.audit_log import AuditLog
from minicpmo_ros.actions.gate import GateOptions, RobotState
from minicpmo_ros.actions.phrase_pattern import normalise, sentences
from minicpmo_ros.actions.request_table import RequestEvent
from minicpmo_ros.actions.skill import Skill
from minicpmo_ros.actions.skill_file import load_skill_file
from minicpmo_ros.actions.trigger import Proposal, SentenceBuffer, TriggerTable
from minicpmo_ros.barge_in.emergency_stop import EmergencyStop
from minicpmo_ros.diagnostics import Level, Status
from minicpmo_ros.installation import configuration_file
from minicpmo_ros.msg import (
    ActionRequest,
    DuplexState,
    Interruption,
    ProactiveEvent,
    TextDelta,
)
from minicpmo_ros.on_demand_timer import OnDemandTimer
from minicpmo_ros.parameter_server import ParameterServer
from minicpmo_ros.qos import EVENT, STATE, STREAM
from minicpmo_ros.stamp import NANOSECONDS

TICK_SECONDS = 0.1
MAX_USER_TEXT = 2000
# A stop by a person or a machine ends running actions; a barge-in only those of its own turn.
_STOP_REASONS = {
    Interruption.STOP_PHRASE: ('stop_phrase', 'a stop phrase was heard'),
    Interruption.REQUEST: ('stop_request', 'an operator asked to stop'),
    Interruption.EMERGENCY_STOP: ('emergency_stop', 'the emergency stop is pressed'),
}


class ActionComponent:
    """Belongs to the bridge node, lives in its executor thread."""

    def __init__(self, node: Node, emergency_stop: EmergencyStop) -> None:
        """Read the allow-list; raise LocatedError when it has a mistake."""
        self._node = node
        self._server = ParameterServer(node, ActionParameters, self._apply)
        parameters = self._server.value
        self._emergency_stop = emergency_stop
        self.skills = _load_skills(parameters.skills_file)
        self._table = TriggerTable(self.skills)
        self._manager = ActionManager(self.skills)
        self._sentences = SentenceBuffer()
        self._audit = AuditLog(parameters.audit_file or None)
        self._publisher = ActionPublisher(node, self._audit)
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._state = RobotState()
        self._create_interfaces()
        self._executor = ActionExecutor(node, self.skills)
        self._apply(parameters, set())

    def _create_interfaces(self) -> None:
        node = self._node
        node.create_subscription(TextDelta, 'text_delta', self._on_text, STREAM)
        node.create_subscription(ProactiveEvent, 'events', self._on_event, EVENT)
        node.create_subscription(Interruption, 'interruption', self._on_interruption, EVENT)
        node.create_subscription(DuplexState, 'duplex_state', self._on_duplex_state, STATE)
        node.create_subscription(ActionRequest, 'action_proposal', self._on_proposal, EVENT)
        node.create_subscription(String, 'user_text', self._on_user_text, EVENT)
        node.create_service(SetBool, '~/enable_actions', self._on_enable)
        node.create_service(SetBool, '~/confirm_action', self._on_confirm)
        self._timer = OnDemandTimer(
            node, TICK_SECONDS, self._tick, lambda: self._manager.current is not None
        )

    def _apply(self, parameters: ActionParameters, changed: set[str]) -> None:
        self._parameters = parameters
        self._state = replace(self._state, enabled=parameters.actions_enabled)
        self._manager.confirmation_timeout = parameters.confirmation_timeout
        self._manager.options = GateOptions(
            max_actions_per_minute=parameters.max_actions_per_minute,
        )
        if not parameters.actions_enabled:
            self._stop('actions_disabled', 'actions were switched off')

    @property
    def _now(self) -> float:
        """Return the steady time [s]: deadlines must pass also while a simulation is paused."""
        return self._steady.now().nanoseconds / NANOSECONDS

    # What is said, seen and asked for.

    def _on_text(self, message: TextDelta) -> None:
        turn_id, epoch = message.turn_id, message.epoch
        proposals = []
        for sentence in self._sentences.feed(turn_id, message.delta, message.last):
            proposals += self._table.from_text(sentence, turn_id, epoch)
        for tag in message.action_tags:
            proposals += self._table.from_tag(tag, turn_id, epoch)
        self._propose_once(proposals)

    def _propose_once(self, proposals: list[Proposal]) -> None:
        """Propose each skill once: a sentence and the tag behind it mean the same thing."""
        seen = set()
        for proposal in proposals:
            key = (proposal.skill, json.dumps(proposal.arguments, sort_keys=True))
            if key not in seen:
                self._propose(proposal)
            seen.add(key)

    def _on_event(self, event: ProactiveEvent) -> None:
        if event.type != ProactiveEvent.OPENED:
            return
        for proposal in self._table.from_event(
            event.kind, event.severity, event.event_id, event.turn_id, event.epoch
        ):
            self._propose(replace(proposal, epoch=-1))

    def _on_proposal(self, message: ActionRequest) -> None:
        self._propose(
            self._table.from_request(message.skill, message.arguments, message.action_id[:64])
        )

    def _on_user_text(self, message: String) -> None:
        words = normalise(message.data[:MAX_USER_TEXT].replace(',', ' ')).strip(' .!?').casefold()
        if words in self._parameters.refusal_words:
            self._perform(self._manager.confirm(False, self._current_state(), self._now))
        elif words in self._parameters.confirmation_words:
            self._perform(self._manager.confirm(True, self._current_state(), self._now))
        for sentence in sentences(message.data[:MAX_USER_TEXT]):
            for proposal in self._table.from_user(sentence, 0, -1):
                self._propose(proposal)

    def _propose(self, proposal: Proposal) -> None:
        problem = proposal.problem or self._executor.refused.get(proposal.skill, '')
        state = self._current_state()
        self._perform(self._manager.propose(replace(proposal, problem=problem), state, self._now))

    # What stops.

    def _on_interruption(self, message: Interruption) -> None:
        if message.stage != Interruption.CONFIRM:
            return
        self._state = replace(self._state, epoch=max(self._state.epoch, message.epoch + 1))
        self._sentences.reset(-1)
        if message.reason in _STOP_REASONS:
            self._stop(*_STOP_REASONS[message.reason])
        else:
            self._perform(self._manager.interrupted(message.turn_id, self._now))

    def _stop(self, code: str, message: str) -> None:
        self._perform(self._manager.stop(code, message, self._now))

    def _on_duplex_state(self, message: DuplexState) -> None:
        active = message.state in (DuplexState.LISTENING, DuplexState.SPEAKING)
        self._state = replace(
            self._state,
            assistant_active=active,
            assistant_seen=self._now,
            epoch=max(self._state.epoch, message.epoch),
        )

    # Services and time.

    def _on_enable(self, request: SetBool.Request, reply: SetBool.Response) -> SetBool.Response:
        wanted = Parameter('actions_enabled', value=request.data)
        result = self._node.set_parameters([wanted])[0]
        reply.success = result.successful
        reply.message = result.reason or ('actions are on' if request.data else 'actions are off')
        return reply

    def _on_confirm(self, request: SetBool.Request, reply: SetBool.Response) -> SetBool.Response:
        commands = self._manager.confirm(request.data, self._current_state(), self._now)
        reply.success = bool(commands)
        reply.message = '' if commands else 'no question is open'
        self._perform(commands)
        return reply

    def _tick(self) -> None:
        current = self._manager.current
        if self._executor.server_lost(current, self._now):
            event = RequestEvent.NO_SERVER
            self._report(current.action_id, event, 'server_lost', 'the server went away')
        self._perform(self._manager.tick(self._current_state(), self._now))

    def _current_state(self) -> RobotState:
        return replace(
            self._state,
            other_bridges=self._publisher.other_bridges(),
            emergency_stop=self._emergency_stop.stopped(time.monotonic()),
        )

    # Carrying out.

    def _perform(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, StatusCommand):
                self._publisher.publish(command, self._now)
            elif isinstance(command, NoteCommand):
                self._publisher.note(command.text)
            elif isinstance(command, SendCommand):
                self._send(command.request)
            elif isinstance(command, CancelCommand):
                self._executor.cancel(command.request)
            elif isinstance(command, ForgetCommand):
                self._executor.forget(command.request)
        self._timer.wake()

    def _send(self, request: Request) -> None:
        action_id = request.action_id
        if self._parameters.execution == 'external':
            self._report(action_id, RequestEvent.DONE, 'delegated', 'left to another program')
            return
        self._executor.send(
            request, lambda event, code, text: self._report(action_id, event, code, text)
        )

    def _report(self, action_id: str, event: RequestEvent, code: str, message: str) -> None:
        self._perform(self._manager.report(action_id, event, self._now, code, message))

    def status(self) -> Status:
        """Return the line of diagnostics."""
        current = self._manager.current
        values = {
            'enabled': self._state.enabled,
            'skills': len(self.skills),
            'refused skills': ', '.join(self._executor.refused) or 'none',
            'under way': current.skill.name if current else 'nothing',
            'audit lines lost': self._audit.lost,
        }
        if self._executor.refused or self._audit.problem:
            reason = self._audit.problem or 'skills are refused, see the log'
            return Status('actions', Level.WARN, reason, values)
        return Status('actions', Level.OK, 'on' if self._state.enabled else 'off', values)

    def close(self) -> None:
        """Cancel what is under way and free the clients."""
        self._stop('shutdown', 'the bridge ends')
        self._executor.close()


def _load_skills(path: str) -> dict[str, Skill]:
    return load_skill_file(configuration_file(path)) if path else {}
