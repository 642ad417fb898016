# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The gates a proposal has to pass, in their order. Any doubt rejects, with a code."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Mapping, Optional

from minicpmo_ros.actions.argument import validate_arguments
from minicpmo_ros.actions.skill import ArgumentValue, Skill
from minicpmo_ros.actions.trigger import Proposal
from minicpmo_ros.errors import ArgumentError


@dataclass(frozen=True)
class GateOptions:
    """Limits that hold for all skills; times are seconds.

    assistant_timeout: without a sign of life of the inference node for this long, refuse.
    """

    max_actions_per_minute: int = 6
    assistant_timeout: float = 3.0


@dataclass(frozen=True)
class RobotState:
    """What the gates need to know about the robot right now; times on the caller's clock [s].

    emergency_stop: pressed, or required and unknown (``barge_in.emergency_stop`` decides).
    """

    enabled: bool = False
    assistant_active: bool = False
    assistant_seen: float = float('-inf')
    emergency_stop: bool = True
    other_bridges: int = 0
    epoch: int = 0


@dataclass(frozen=True)
class Rejection:
    """Why a proposal is refused."""

    code: str
    message: str


@dataclass
class SendHistory:
    """When requests were sent, for cooldowns and the rate limit."""

    by_skill: dict[str, float] = field(default_factory=dict)
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=1000))

    def record(self, skill: str, now: float) -> None:
        """Note that a request for this skill is sent now."""
        self.by_skill[skill] = now
        self.recent.append(now)

    def sent_within(self, seconds: float, now: float) -> int:
        """Return how many requests were sent in the last ``seconds``."""
        return sum(1 for sent in self.recent if now - sent < seconds)


def robot_rejection(state: RobotState, options: GateOptions, now: float) -> Optional[Rejection]:
    """Return why the robot may not act at all right now, None when it may."""
    if not state.enabled:
        return Rejection('actions_disabled', 'actions are switched off (~/enable_actions)')
    if state.other_bridges:
        return Rejection('two_bridges', 'another bridge publishes requests; stop one of them')
    if not state.assistant_active or now - state.assistant_seen > options.assistant_timeout:
        return Rejection('assistant_inactive', 'the inference node is not active')
    if state.emergency_stop:
        return Rejection('emergency_stop', 'the emergency stop is pressed or its state unknown')
    return None


def history_rejection(
    skill: Skill, history: SendHistory, options: GateOptions, now: float
) -> Optional[Rejection]:
    """Return why it is too early for this skill, None when it is not."""
    elapsed = now - history.by_skill.get(skill.name, float('-inf'))
    if elapsed < skill.cooldown:
        wait = skill.cooldown - elapsed
        return Rejection('cooldown', f'{skill.name} may be sent again in {wait:.1f} s')
    if history.sent_within(60.0, now) >= options.max_actions_per_minute:
        limit = options.max_actions_per_minute
        return Rejection('rate_limit', f'{limit} actions were sent in the last minute')
    return None


def pass_gates(
    proposal: Proposal,
    skills: Mapping[str, Skill],
    state: RobotState,
    history: SendHistory,
    options: GateOptions,
    now: float,
) -> dict[str, ArgumentValue] | Rejection:
    """Return the typed arguments of a proposal that may be sent, or the first rejection.

    Order (the same for every trigger): enabled, one bridge, assistant active, emergency stop,
    skill allowed, arguments valid, cooldown and rate. Confirmation comes after these.
    """
    rejection = robot_rejection(state, options, now)
    if rejection:
        return rejection
    skill = skills.get(proposal.skill)
    if proposal.problem:
        return Rejection(proposal.problem, f'{proposal.rationale[:100]!r} was refused')
    if skill is None:
        return Rejection('unknown_skill', f'{proposal.skill[:48]!r} is not in the allow-list')
    if not skill.enabled:
        return Rejection('skill_disabled', f'{skill.name} is switched off in the allow-list')
    if 0 <= proposal.epoch < state.epoch:
        return Rejection('interrupted', 'the turn that asked for it was interrupted')
    try:
        arguments = validate_arguments(skill.arguments, proposal.arguments)
    except ArgumentError as error:
        return Rejection(error.code, str(error))
    return history_rejection(skill, history, options, now) or arguments
