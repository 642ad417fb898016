# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Random conversations with the right behaviour for every unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Protocol

import numpy as np

from training.nano.household import Household, Pace
from training.nano.oracle import TALK_OVER_SECONDS, Action, Hearing, Oracle
from training.nano.renderer import attributes
from training.nano.request import INTENTS, Part
from training.nano.scene import ROOMS, SceneState
from training.nano.speaker import Mood, RobotView, Speaker, hear
from training.nano.timeline import Pool, Script, ScriptUnit, SoundEvent
from training.nano.watch import Memory

INTENT_NAMES = tuple(INTENTS)


@dataclass(frozen=True)
class Style:
    """A kind of conversation: how people behave and how often things happen."""

    mood: Mood
    pace: Pace


STYLES = {
    'busy': Style(Mood(activity=0.55), Pace(1.0, 0.015, (4, 20))),
    'calm': Style(Mood(activity=0.12, background=0.1), Pace(1.0, 0.008, (6, 40))),
    'waiting': Style(
        Mood(activity=0.05, addressed=0.6, background=0.06, watch=0.6), Pace(0.8, 0.003, (45, 110))
    ),
    'eventful': Style(Mood(activity=0.3, watch=0.5), Pace(2.0, 0.03, (3, 12))),
    'dense': Style(
        Mood(activity=0.9, addressed=0.88, interruption=0.15, backchannel=0.1, watch=0.3),
        Pace(2.5, 0.02, (2, 8)),
    ),
    'long watch': Style(
        Mood(activity=0.08, addressed=0.5, background=0.06, watch=0.95),
        Pace(0.5, 0.0, (62, 90)),
    ),
    'long talk': Style(
        Mood(activity=0.5, interruption=0.45, backchannel=0.3), Pace(0.7, 0.004, (6, 30))
    ),
}
STILL = 'still'  # one request after the other, nothing else happens: to learn hearing with
STYLES_OF_TRAINING = {
    **STYLES,
    STILL: Style(
        Mood(1.0, 0.88, 0.35, 0.08, background=0.12, even=True, longest_pause=1),
        Pace(0.0, 0.0, (500, 501)),
    ),
}
_STYLE_SHARES = {
    'busy': 0.18,
    'dense': 0.2,
    'calm': 0.1,
    'waiting': 0.1,
    'eventful': 0.2,
    'long watch': 0.05,
    'long talk': 0.12,
    STILL: 0.05,
}


def write_script(
    rng: np.random.Generator,
    pool: Pool,
    part: Part = Part.TRAINING,
    units: int = 120,
    style: Optional[str] = None,
    household: Optional[Household] = None,
) -> Script:
    """Return a random conversation.

    Args:
        rng: source of all randomness.
        pool: spoken sentences; must hold the wordings of the chosen part.
        part: whose wordings people use; all but training's have rooms of their own.
        units: length [s].
        style: key of ``STYLES_OF_TRAINING``, None draws one.
        household: what happens in the rooms, None draws it.
    """
    style = style or str(rng.choice(list(_STYLE_SHARES), p=list(_STYLE_SHARES.values())))
    conversation = Conversation(rng, pool, part, STYLES_OF_TRAINING[style], household)
    oracle = Oracle()
    script = Script(layouts=conversation.household.layouts)
    for unit in range(units):
        scene, hearing = conversation.listen(unit, oracle)
        turn_was_open = oracle.turn_open
        action = oracle.step(scene, hearing)
        conversation.follow(unit, action, oracle)
        script.units.append(_unit(conversation, scene, hearing, action, turn_was_open))
    script.sounds = sorted(conversation.speaker.sounds, key=lambda event: event.start)
    return script


class Robot(Protocol):
    """Whoever plays the robot: the oracle or the observer of a real session."""

    memory: Memory

    @property
    def turn_open(self) -> bool:
        """Return whether a sentence is being said."""

    @property
    def pending(self) -> bool:
        """Return whether people still wait for an answer."""


class Conversation:
    """Household and people around a robot; whoever plays the robot reports what it said.

    sounding_since: when the open turn began to sound [s], None while the robot is silent.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        pool: Pool,
        part: Part,
        style: Style,
        household: Optional[Household] = None,
    ) -> None:
        new_rooms = part is not Part.TRAINING
        self.household = household or Household.create(rng, style.pace, new_rooms)
        self.speaker = Speaker(rng, style.mood, pool, part)
        self.echo_level = float(rng.uniform(-36, -17)) if rng.random() < 0.6 else None
        self.sounding_since: Optional[float] = None
        self._watches: set[str] = set()
        self._rng = rng

    def listen(self, unit: int, robot: Robot) -> tuple[SceneState, Hearing]:
        """Advance the world by one unit; return what is seen and heard in it."""
        since = self.sounding_since
        sounding = 0 if since is None or not robot.turn_open else max(1, round(unit - since) + 1)
        quiet = self.speaker.is_quiet(unit) and not robot.turn_open and not robot.pending
        scene = self.household.step(unit, robot.memory.watches, quiet)
        view = RobotView(sounding, robot.pending)
        self.speaker.step(unit, view, scene, robot.memory)
        return scene, hear(self.speaker.sounds, unit, since if robot.turn_open else None)

    def follow(self, unit: int, action: Action, robot: Robot) -> None:
        """Take note of what the robot did: its voice sounds in the next unit."""
        if action.text:
            self._add_own_voice(unit + 1, action.text)
            if self.sounding_since is None:
                self.sounding_since = unit + 1.0
        if not robot.turn_open:
            self.sounding_since = None
        watches = robot.memory.watches
        for name in set(watches) - self._watches:
            self.household.open_watch(name, unit + 1)
        self._watches = set(watches)
        if action.end_of_turn:
            longest = self.speaker.mood.longest_pause
            self.speaker.pause(unit, int(self._rng.integers(1, longest + 1)))
            self._drive(unit, action.reason)

    def _drive(self, unit: int, reason: str) -> None:
        for room in ROOMS:
            if reason == f'go_to_{room.replace(" ", "_")}' and self._rng.random() < 0.7:
                self.household.move_to(room, unit)

    def _add_own_voice(self, unit: int, text: str) -> None:
        if self.echo_level is not None:
            self.speaker.sounds.append(
                SoundEvent('own_voice', float(unit), 1.0, -1, self.echo_level, text)
            )


def _unit(
    conversation: Conversation,
    scene: SceneState,
    hearing: Hearing,
    action: Action,
    turn_was_open: bool,
) -> ScriptUnit:
    labels = unit_labels(scene, hearing, turn_was_open)
    return ScriptUnit(
        scene,
        conversation.household.layout,
        action.text,
        action.end_of_turn,
        action.yielded,
        action.reason,
        labels,
    )


def unit_labels(scene: SceneState, hearing: Hearing, turn_was_open: bool) -> dict[str, int]:
    """Return ``ScriptUnit.labels`` of a unit."""
    return {
        'request': 1 + INTENT_NAMES.index(hearing.requests[-1]) if hearing.requests else 0,
        'talking': int(hearing.talking),
        'talk_over': int(turn_was_open and hearing.talk_over >= TALK_OVER_SECONDS),
        **attributes(scene),
    }
