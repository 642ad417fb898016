# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The people around the robot: what they say and when, and what else can be heard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from training.nano.answer import FIXED_ANSWERS
from training.nano.household import ready_for
from training.nano.oracle import END_MARGIN, Hearing
from training.nano.request import INTENTS, Intent, Part
from training.nano.scene import SceneState
from training.nano.timeline import NEAR_SPEECH, Pool, SoundEvent
from training.nano.watch import Memory

# what needs eyes or memory is asked more often than small talk
_NAMES = tuple(INTENTS)
_WEIGHTS = np.array([1.0 if name in FIXED_ANSWERS else 2.5 for name in _NAMES])
_SHARES = _WEIGHTS / _WEIGHTS.sum()
_LONG_ANSWERS = ('what_do_you_see', 'what_can_you_do', 'tell_story')
_SPEECH_LEVEL = (-14.0, 5.0)  # dB re normal speech
_BACKGROUND_LEVEL = {
    'noise': (-35.0, -10.0),
    'music': (-35.0, -7.0),
    'household': (-35.0, -7.0),
    'television': (-30.0, -18.0),
}
_BACKGROUND = tuple(_BACKGROUND_LEVEL)
_SILENCE_AFTER_SPEECH = 0.4  # shortest pause between two sentences [s]


@dataclass(frozen=True)
class Mood:
    """How people behave.

    activity: chance per quiet unit that somebody says something.
    addressed: share of it that is meant for the robot.
    interruption, backchannel: chance per unit of a long robot turn.
    background: chance per unit that noise, music or a television begins.
    watch: share of requests that open a watch.
    even: all requests are equally frequent, whether they make sense now or not.
    longest_pause: after an answer, until somebody speaks again [units].
    """

    activity: float = 0.35
    addressed: float = 0.7
    interruption: float = 0.25
    backchannel: float = 0.15
    background: float = 0.05
    watch: float = 0.2
    even: bool = False
    longest_pause: int = 4


@dataclass(frozen=True)
class RobotView:
    """What people notice of the robot: how many units its open turn has sounded, 0 = silent."""

    sounding: int = 0
    pending: bool = False


@dataclass
class Speaker:
    """Plans sounds one unit ahead; a request, once begun, is always spoken to its end."""

    rng: np.random.Generator
    mood: Mood
    pool: Pool
    part: Part
    sounds: list[SoundEvent] = field(default_factory=list)
    last_intent: str = ''
    _busy_until: float = 0.0
    _background_until: float = 0.0
    _pause_until: int = 1

    def pause(self, unit: int, units: int) -> None:
        """Let nobody speak before ``unit + units``."""
        self._pause_until = max(self._pause_until, unit + units)

    def is_quiet(self, unit: int) -> bool:
        """Return whether nobody talks in this unit or shortly before."""
        return self._busy_until < unit - 0.3

    def step(
        self, unit: int, robot: RobotView, scene: SceneState, memory: Memory
    ) -> list[SoundEvent]:
        """Return the sounds that begin in this unit; they are also kept in ``sounds``."""
        before = len(self.sounds)
        self._add_background(unit)
        if self._busy_until <= unit:
            if robot.sounding:
                self._react_to_robot(unit)
            elif not robot.pending and unit >= self._pause_until:
                if self.rng.random() < self.mood.activity:
                    self._say_something(unit, scene, memory)
        return self.sounds[before:]

    def ask(self, unit: int, name: str, level: Optional[float] = None) -> SoundEvent:
        """Say a request in a random wording, beginning in this unit."""
        intent = INTENTS[name]
        self.last_intent = name
        text = str(self.rng.choice(intent.in_part(self.part)))
        return self._speak(unit, 'speech', text, level, name)

    def _react_to_robot(self, unit: int) -> None:
        draw = self.rng.random()
        if draw < self.mood.interruption:
            if self.rng.random() < 0.75:
                self.ask(unit, self._any_intent().name)
            else:
                self._speak(unit, 'unaddressed', self._text('unaddressed'))
        elif draw < self.mood.interruption + self.mood.backchannel:
            self._speak(unit, 'backchannel', self._text('backchannel'))

    def _say_something(self, unit: int, scene: SceneState, memory: Memory) -> None:
        draw = self.rng.random()
        if draw < self.mood.addressed:
            self.ask(unit, self._choose_intent(scene, memory).name)
        elif draw < self.mood.addressed + 0.07:
            self._speak(unit, 'backchannel', self._text('backchannel'))
        elif draw < self.mood.addressed + 0.14:
            self.pause(unit, int(self.rng.integers(4, 16)))
        else:
            self._speak(unit, 'unaddressed', self._text('unaddressed'))

    def _choose_intent(self, scene: SceneState, memory: Memory) -> Intent:
        if self.mood.even:
            return INTENTS[_NAMES[self.rng.integers(len(_NAMES))]]
        if memory.watches and self.rng.random() < 0.05:
            return INTENTS['never_mind']
        if memory.last_reminder and self.rng.random() < 0.06:
            return INTENTS['remind_again']
        watches = [intent for intent in INTENTS.values() if intent.watch]
        if self.rng.random() < self.mood.watch:
            sensible = [entry for entry in watches if ready_for(scene, entry.watch)]
            fresh = [entry for entry in sensible if entry.watch not in memory.watches]
            if fresh and len(memory.watches) < 2:
                return fresh[self.rng.integers(len(fresh))]
        if self.rng.random() < 0.15:
            return INTENTS[_LONG_ANSWERS[self.rng.integers(len(_LONG_ANSWERS))]]
        intent = self._any_intent()
        # asking for a watch that is true already is rare
        return intent if intent.watch is None or self.rng.random() < 0.3 else self._any_intent()

    def _any_intent(self) -> Intent:
        return any_intent(self.rng)

    def _text(self, kind: str) -> str:
        texts = self.pool.texts(kind)
        return texts[self.rng.integers(len(texts))]

    def _speak(
        self, unit: int, kind: str, text: str, level: Optional[float] = None, intent: str = ''
    ) -> SoundEvent:
        spoken = self.pool.pick(self.rng, text)
        start = max(unit, self._busy_until + _SILENCE_AFTER_SPEECH)
        start += float(self.rng.uniform(0, max(0.05, unit + 0.98 - start)))
        if level is None:
            level = float(self.rng.uniform(*_SPEECH_LEVEL))
        event = SoundEvent(kind, start, spoken.seconds, spoken.index, level, text, intent)
        self.sounds.append(event)
        self._busy_until = event.end
        return event

    def _add_background(self, unit: int) -> None:
        if unit < self._background_until or self.rng.random() >= self.mood.background:
            return
        kind = _BACKGROUND[self.rng.integers(len(_BACKGROUND))]
        start = unit + float(self.rng.random())
        level = float(self.rng.uniform(*_BACKGROUND_LEVEL[kind]))
        if kind == 'television':
            text = self._text('unaddressed')
            spoken = self.pool.pick(self.rng, text)
            event = SoundEvent(kind, start, spoken.seconds, spoken.index, level, text)
        else:
            event = SoundEvent(kind, start, float(self.rng.uniform(1, 12)), -1, level)
        self.sounds.append(event)
        self._background_until = event.end


def any_intent(rng: np.random.Generator) -> Intent:
    """Return a random request; those that need eyes or memory come more often."""
    return INTENTS[str(rng.choice(_NAMES, p=_SHARES))]


def hear(sounds: list[SoundEvent], unit: int, sounding_since: Optional[float]) -> Hearing:
    """Return what has been heard at the end of a unit.

    Args:
        sounds: everything audible that began before the end of the unit.
        sounding_since: when the open turn of the robot began to sound [s], None without one.
    """
    now = float(unit + 1)
    first = now - 1 - END_MARGIN
    requests = tuple(
        event.intent
        for event in sounds
        if event.kind == 'speech' and first < event.end <= now - END_MARGIN
    )
    near = [event for event in sounds if event.kind in NEAR_SPEECH]
    talking = any(event.start < now and event.end > now - END_MARGIN for event in near)
    talk_over = 0.0
    if sounding_since is not None:
        talk_over = sum(
            min(event.end, now) - event.start
            for event in near
            if sounding_since <= event.start < now and event.end > now - 1
        )
    return Hearing(requests, talking, talk_over)
