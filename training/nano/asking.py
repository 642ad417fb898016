# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One spoken request with many pictures and pasts: the answer has to come from both.

In conversations a request meets one scene, and a small model learns the pair by heart. Here the
same sound is put before several scenes and several things that were said before.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from training.nano.oracle import Oracle
from training.nano.pacing import split_into_units
from training.nano.request import INTENTS, Part, remember
from training.nano.scene import SceneState
from training.nano.script import unit_labels
from training.nano.speaker import Mood, RobotView, Speaker, any_intent, hear
from training.nano.timeline import Pool, Script, ScriptUnit, SoundEvent
from training.nano.vision_training import any_scene
from training.nano.watch import FALL_ALERT, WATCHES, Memory

UNITS = 10
SCENES = 3  # pictures for one request
SCRIPTS = 5  # scripts from one request
_PHASES = 5  # units of a life of the audio encoder's cache; a script begins in any of them
_FALLS = 0.3  # share of the drawn falls that is kept
_TALK = 0.15  # share without a request: somebody says something else
_CHANGES = 0.35  # share in which the scene changes
_LONGEST_PAST = 5  # sentences said before
_PAST = 0.6  # share in which something was said before
_BACKGROUND = 0.1  # chance per unit


class Asking:
    """Draws requests and writes what is right for each scene and past."""

    def __init__(self, pool: Pool, part: Part) -> None:
        self._pool, self._part = pool, part

    def scene(self, rng: np.random.Generator) -> SceneState:
        """Return a scene in which everything is about equally frequent, but falls are rarer."""
        scene = any_scene(rng)
        if scene.fallen and rng.random() > _FALLS:
            scene = scene.changed(people=('standing',) * len(scene.people))
        return scene

    def sounds(self, rng: np.random.Generator) -> tuple[int, list[SoundEvent]]:
        """Return the unit a script begins in, and what is heard in ``UNITS`` units."""
        first = int(rng.integers(_PHASES))
        begin = first + int(rng.integers(1, 3))
        talks = rng.random() < _TALK
        quiet = Mood(activity=0.0, background=_BACKGROUND)
        speaker = Speaker(rng, quiet, self._pool, self._part)
        for unit in range(UNITS):
            if unit == begin and talks:
                speaker.mood = Mood(activity=1.0, addressed=0.0, background=_BACKGROUND)
            elif unit == begin:
                speaker.ask(unit, any_intent(rng).name)
            speaker.step(unit, RobotView(), SceneState(), Memory())
            speaker.mood = quiet
        return first, sorted(speaker.sounds, key=lambda event: event.start)

    def scripts(
        self,
        rng: np.random.Generator,
        scenes: list[SceneState],
        first: int,
        sounds: list[SoundEvent],
    ) -> Iterator[tuple[Script, np.ndarray]]:
        """Yield scripts that begin in unit ``first``, and which scene each of their units shows.

        Every script ends a unit after the last thing that is said in it.
        """
        for _ in range(SCRIPTS):
            picture = self._pictures(rng, len(scenes), first)
            memory, previous = past(rng, scenes)
            oracle = Oracle(memory, alerted=memory.last_reminder == FALL_ALERT)
            shown = [scenes[index] for index in picture]
            units = _act(oracle, shown, first, sounds)
            said = [index for index, unit in enumerate(units) if unit.text or unit.yielded]
            length = min(len(units), (said[-1] if said else first + 3) + 2)
            yield Script(units[:length], previous=previous), picture[:length]

    @staticmethod
    def _pictures(rng: np.random.Generator, scenes: int, first: int) -> np.ndarray:
        picture = np.full(UNITS - first, rng.integers(scenes))
        if rng.random() < _CHANGES:
            picture[int(rng.integers(1, 5)) :] = rng.integers(scenes)
        return picture


def _act(
    oracle: Oracle, scenes: list[SceneState], first: int, sounds: list[SoundEvent]
) -> list[ScriptUnit]:
    """Return what is right in every unit from ``first`` on."""
    units, since = [], None
    for unit, scene in enumerate(scenes, first):
        hearing = hear([s for s in sounds if s.start < unit + 1], unit, since)
        was_open = oracle.turn_open
        action = oracle.step(scene, hearing)
        if action.text and since is None:
            since = unit + 1.0
        if not oracle.turn_open:
            since = None
        labels = unit_labels(scene, hearing, was_open)
        units.append(
            ScriptUnit(
                scene, 0, action.text, action.end_of_turn, action.yielded, action.reason, labels
            )
        )
    return units


def past(rng: np.random.Generator, scenes: list[SceneState]) -> tuple[Memory, list[str]]:
    """Return what is agreed and what was said before, one text per speaking unit."""
    memory, said = Memory(), []
    if rng.random() < _PAST:
        for _ in range(int(rng.integers(1, _LONGEST_PAST + 1))):
            scene = scenes[int(rng.integers(len(scenes)))]
            memory, sentence = _one_more(rng, memory, scene)
            said += split_into_units(sentence) if sentence else ()
    return memory, said


def _one_more(rng: np.random.Generator, memory: Memory, scene: SceneState) -> tuple[Memory, str]:
    """Return the memory after one more sentence, and the sentence, '' for none."""
    draw = rng.random()
    if draw < 0.4:
        intent = any_intent(rng)
        sentence = intent.answer(scene, memory)
        return remember(memory, intent, sentence), sentence
    if draw < 0.7:
        name = str(rng.choice(list(WATCHES)))
        intent = INTENTS[f'watch_{name}']
        return remember(memory, intent, WATCHES[name].confirmation), WATCHES[name].confirmation
    if draw < 0.9 and memory.watches:
        name = str(rng.choice(memory.watches))
        left = tuple(other for other in memory.watches if other != name)
        return Memory(left, WATCHES[name].reminder), WATCHES[name].reminder
    if draw < 0.95:
        return memory, ''
    return Memory(memory.watches, FALL_ALERT), FALL_ALERT
