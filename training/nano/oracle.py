# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The right behaviour, unit by unit: labels for training, never used by the product.

It follows from causal rules only: what was heard up to the end of the unit, what the unit's
picture shows, and what the robot has said before.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from training.nano.pacing import split_into_units
from training.nano.request import INTENTS, remember
from training.nano.scene import SceneState
from training.nano.watch import FALL_ALERT, WATCHES, Memory

# a request is answered in the unit in which it ends if so much silence follows it [s]
END_MARGIN = 0.25
# talking over the open turn for so long makes the robot yield [s]
TALK_OVER_SECONDS = 0.9


@dataclass(frozen=True)
class Hearing:
    """What the microphone told up to the end of a unit.

    requests: names of the intents whose requests are complete in this unit.
    talking: a person is talking at the end of the unit.
    talk_over: seconds a person has talked since the open turn began to sound.
    """

    requests: tuple[str, ...] = ()
    talking: bool = False
    talk_over: float = 0.0


@dataclass(frozen=True)
class Action:
    """What the robot does in one unit; text '' means listen."""

    text: str = ''
    end_of_turn: bool = False
    yielded: bool = False
    reason: str = ''


@dataclass
class Oracle:
    """Keeps the agreement and the open turn; ``step`` returns the right action."""

    memory: Memory = field(default_factory=Memory)
    alerted: bool = False
    _parts: list[str] = field(default_factory=list)
    _sentence: str = ''
    _reason: str = ''
    _pending: str = ''

    @property
    def turn_open(self) -> bool:
        """Return whether a sentence is being said."""
        return bool(self._parts)

    @property
    def pending(self) -> bool:
        """Return whether a request still waits for its answer."""
        return bool(self._pending)

    def reset(self) -> None:
        """Forget everything."""
        self.memory, self.alerted, self._parts, self._pending = Memory(), False, [], ''

    def step(self, scene: SceneState, hearing: Hearing) -> Action:
        """Return what is right at the end of this unit."""
        if hearing.requests:
            self._pending = hearing.requests[-1]
        if not scene.fallen:
            self.alerted = False
        if self.turn_open:
            if hearing.talk_over >= TALK_OVER_SECONDS or hearing.requests:
                self._parts = []
                return Action(yielded=True)
            return self._continue()
        return self._begin(scene, hearing)

    def _begin(self, scene: SceneState, hearing: Hearing) -> Action:
        if scene.fallen and not self.alerted:
            self.alerted = True
            return self._say_unasked('fall', FALL_ALERT)
        if self._pending:
            name, self._pending = self._pending, ''
            answer = INTENTS[name].answer(scene, self.memory)
            return self._say(name, answer) if answer else Action()
        if not hearing.talking:
            for name in self.memory.watches:
                if WATCHES[name].happens(scene):
                    left = tuple(other for other in self.memory.watches if other != name)
                    self.memory = Memory(left, self.memory.last_reminder)
                    return self._say_unasked(name, WATCHES[name].reminder)
        return Action()

    def _say_unasked(self, reason: str, sentence: str) -> Action:
        self.memory = Memory(self.memory.watches, sentence)
        return self._say(reason, sentence)

    def _say(self, reason: str, sentence: str) -> Action:
        self._reason, self._sentence = reason, sentence
        self._parts = list(split_into_units(sentence))
        return self._continue()

    def _continue(self) -> Action:
        text = self._parts.pop(0)
        if not self._parts and self._reason in INTENTS:
            self.memory = remember(self.memory, INTENTS[self._reason], self._sentence)
        return Action(text, not self._parts, reason=self._reason)
