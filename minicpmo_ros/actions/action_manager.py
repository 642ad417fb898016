# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decides what becomes of proposals: gates, confirmation, one request in flight, cancellation.

Pure logic. The owner passes the time in, carries out the returned commands with a real client and
reports back what the server answered.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Mapping, Optional

from minicpmo_ros.actions.gate import (
    GateOptions,
    Rejection,
    RobotState,
    SendHistory,
    pass_gates,
    robot_rejection,
)
from minicpmo_ros.actions.request_table import FINAL, Effect, Phase, RequestEvent, next_phase
from minicpmo_ros.actions.skill import ArgumentValue, Confirmation, Skill
from minicpmo_ros.actions.trigger import Proposal

# How long a server may take to answer a cancel request [s].
CANCEL_PATIENCE = 2.0
# A direct request that arrives again with one of the last ids is the same request.
REMEMBERED_IDS = 100


@dataclass
class Request:
    """A proposal that passed the gates; ``deadline`` is when it waits or runs too long [s]."""

    action_id: str
    skill: Skill
    arguments: dict[str, ArgumentValue]
    proposal: Proposal
    phase: Phase
    deadline: float
    code: str = ''
    message: str = ''


@dataclass(frozen=True)
class SendCommand:
    """Send this request to its target now."""

    request: Request


@dataclass(frozen=True)
class CancelCommand:
    """Ask the server to cancel this request now."""

    request: Request


@dataclass(frozen=True)
class ForgetCommand:
    """Drop the client of this request; its later answers mean nothing."""

    request: Request


@dataclass(frozen=True)
class StatusCommand:
    """Publish where a request stands. ``requested`` is true the first time it is mentioned."""

    action_id: str
    proposal: Proposal
    phase: Phase
    code: str
    message: str
    needs_confirmation: bool = False
    deadline: Optional[float] = None
    requested: bool = False


@dataclass(frozen=True)
class NoteCommand:
    """Tell the model about an outcome or a question in its next unit."""

    text: str


Command = SendCommand | CancelCommand | ForgetCommand | StatusCommand | NoteCommand


@dataclass
class ActionManager:
    """All requests of one bridge; at most one is in flight."""

    skills: Mapping[str, Skill]
    options: GateOptions = field(default_factory=GateOptions)
    confirmation_timeout: float = 10.0
    history: SendHistory = field(default_factory=SendHistory)
    current: Optional[Request] = None
    _count: int = 0
    _request_ids: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED_IDS))

    def propose(self, proposal: Proposal, state: RobotState, now: float) -> list[Command]:
        """Return what to do about a proposal: send, ask a person, or reject it."""
        self._count += 1
        action_id = proposal.request_id or f'{proposal.turn_id}-{self._count}'
        checked = self._check(proposal, action_id, state, now)
        if isinstance(checked, Rejection):
            return [_rejected(action_id, proposal, checked)]
        skill = self.skills[proposal.skill]
        ask = skill.confirm is not Confirmation.NEVER
        patience = self.confirmation_timeout if ask else skill.timeout
        phase = Phase.WAITING if ask else Phase.SENDING
        request = Request(action_id, skill, checked, proposal, phase, now + patience)
        self.current = request
        status = StatusCommand(
            action_id, proposal, phase, '', '', ask, request.deadline, requested=True
        )
        if ask:
            return [status, NoteCommand(_question(request))]
        self.history.record(skill.name, now)
        return [status, SendCommand(request)]

    def _check(
        self, proposal: Proposal, action_id: str, state: RobotState, now: float
    ) -> dict[str, ArgumentValue] | Rejection:
        checked = pass_gates(proposal, self.skills, state, self.history, self.options, now)
        current = self.current
        if isinstance(checked, Rejection):
            return checked
        if action_id in self._request_ids:
            return Rejection('duplicate', f'{action_id!r} was asked for before')
        if current is None:
            self._request_ids.append(action_id)
            return checked
        if current.skill.name == proposal.skill and current.arguments == checked:
            return Rejection('duplicate', f'{proposal.skill} is already under way')
        return Rejection('busy', f'{current.skill.name} is under way; one request at a time')

    def confirm(self, yes: bool, state: RobotState, now: float) -> list[Command]:
        """Answer the pending question; the gates are asked again before anything is sent."""
        request = self.current
        if request is None or request.phase is not Phase.WAITING:
            return []
        if not yes:
            return self._apply(RequestEvent.DECLINED, now, 'declined', 'a person said no')
        rejection = robot_rejection(state, self.options, now)
        if rejection:
            return self._apply(RequestEvent.BLOCKED, now, rejection.code, rejection.message)
        request.deadline = now + request.skill.timeout
        self.history.record(request.skill.name, now)
        return self._apply(RequestEvent.CONFIRMED, now)

    def stop(self, code: str, message: str, now: float) -> list[Command]:
        """Cancel whatever is pending or running, at once and without any gate."""
        if self.current is not None and self.current.phase is not Phase.CANCELING:
            self.current.deadline = now + CANCEL_PATIENCE
        return self._apply(RequestEvent.STOP, now, code, message)

    def interrupted(self, turn_id: int, now: float) -> list[Command]:
        """Handle a confirmed barge-in into a turn.

        A pending question is withdrawn. What is running goes on unless the interrupted turn is
        the one that asked for it: talking over "I'm going to the kitchen" means don't.
        """
        request = self.current
        if request is None:
            return []
        if request.phase is Phase.WAITING or request.proposal.turn_id == turn_id:
            return self.stop('interrupted', 'a person talked over the turn', now)
        return []

    def report(
        self, action_id: str, event: RequestEvent, now: float, code: str = '', message: str = ''
    ) -> list[Command]:
        """Take what the server answered; answers to another request are ignored."""
        if self.current is None or self.current.action_id != action_id:
            return []
        return self._apply(event, now, code, message)

    def tick(self, state: RobotState, now: float) -> list[Command]:
        """Let deadlines pass and re-check the gates of a waiting request; call at 10 Hz."""
        request = self.current
        if request is None:
            return []
        if request.phase is Phase.WAITING:
            rejection = robot_rejection(state, self.options, now)
            if rejection:
                return self._apply(RequestEvent.BLOCKED, now, rejection.code, rejection.message)
        if now < request.deadline:
            return []
        event, code, message = {
            Phase.WAITING: (RequestEvent.CONFIRMATION_TIMEOUT, 'expired', 'nobody answered'),
            Phase.CANCELING: (
                RequestEvent.CANCEL_TIMEOUT, 'cancel_unanswered', 'the server did not answer'
            ),
        }.get(request.phase, (RequestEvent.TIMEOUT, 'timeout', 'it took too long'))  # fmt: skip
        return self._apply(event, now, code, message)

    def _apply(
        self, event: RequestEvent, now: float, code: str = '', message: str = ''
    ) -> list[Command]:
        request = self.current
        if request is None:
            return []
        before = request.phase
        request.phase, effects = next_phase(before, event)
        commands: list[Command] = [_COMMANDS[effect](request) for effect in effects]
        if request.phase is before:
            return commands
        request.code, request.message = code or request.code, message or request.message
        if request.phase in FINAL:
            self.current = None
            commands.append(NoteCommand(_outcome(request)))
        if request.phase is not Phase.CANCELING:
            commands.append(_status(request))
        return commands


_COMMANDS = {
    Effect.SEND: SendCommand,
    Effect.CANCEL: CancelCommand,
    Effect.FORGET: ForgetCommand,
}


def _status(request: Request) -> StatusCommand:
    return StatusCommand(
        request.action_id, request.proposal, request.phase, request.code, request.message
    )


def _rejected(action_id: str, proposal: Proposal, rejection: Rejection) -> StatusCommand:
    return StatusCommand(
        action_id, proposal, Phase.REJECTED, rejection.code, rejection.message, requested=True
    )


def _question(request: Request) -> str:
    question = request.skill.question or f'Shall I do this: {request.skill.description}'
    return f'Ask the user and wait for the answer: {question}'


_OUTCOMES = {
    Phase.SUCCEEDED: 'is done',
    Phase.FAILED: 'failed',
    Phase.REJECTED: 'was refused',
    Phase.CANCELED: 'was canceled',
    Phase.EXPIRED: 'was dropped because nobody answered',
}


def _outcome(request: Request) -> str:
    reason = f' ({request.code})' if request.code and request.phase is not Phase.SUCCEEDED else ''
    return f'Action {request.skill.name} {_OUTCOMES[request.phase]}{reason}.'
