# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One spoken request with many pictures and pasts: the answer has to come from both.

In conversations a request meets one scene, and a small model learns the pair by heart. Here the
same sound is put before several scenes and several things that were said before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Optional

import numpy as np

from training.nano.oracle import Hearing, Oracle
from training.nano.pacing import split_into_units
from training.nano.request import INTENTS, Part, remember
from training.nano.scene import SceneState
from training.nano.script import unit_labels
from training.nano.speaker import Mood, RobotView, Speaker, any_intent, hear
from training.nano.timeline import Pool, Script, ScriptUnit, SoundEvent
from training.nano.vision_training import any_scene
from training.nano.watch import FALL_ALERT, WATCHES, Memory
from training.nano.watch_note import memory_of

UNITS = 10
SCENES = 3  # pictures for one request
SCRIPTS = 5  # scripts from one request
_PHASES = 5  # units of a life of the audio encoder's cache; a script begins in any of them
_FALLS = 0.3  # share of the drawn falls that is kept
_TALK = 0.15  # share without a request: somebody says something else
_QUIET = 0.1  # share in which nobody says anything
_CHANGES = 0.5  # share in which the scene changes
_LONGEST_PAST = 30  # sentences said before; half of the pasts have 5 at most
_PAST_CHARACTERS = 560  # at most: what the session carries over (160 tokens)
_PAST = 0.7  # share in which something was said before
_REMIND_SHARE = 0.15  # of the requests ask for the last reminder, besides those by chance
_SILENT_UNITS = 5  # of a script in which nothing is said
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
        draw = rng.random()
        quiet = Mood(activity=0.0, background=_BACKGROUND)
        speaker = Speaker(rng, quiet, self._pool, self._part)
        for unit in range(UNITS):
            if unit == begin and draw < _TALK:
                speaker.mood = Mood(activity=1.0, addressed=0.0, background=_BACKGROUND)
            elif unit == begin and draw > _TALK + _QUIET:
                speaker.ask(unit, _draw_request(rng))
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
            shown = [scenes[index] for index in picture]

            def heard(index: int, since: Optional[float]) -> Hearing:
                unit = first + index
                known = [sound for sound in sounds if sound.start < unit + 1]
                return hear(known, unit, None if since is None else first + since)

            units = act(memory, shown, heard)
            yield Script(units, previous=previous), picture[: len(units)]

    @staticmethod
    def _pictures(rng: np.random.Generator, scenes: int, first: int) -> np.ndarray:
        picture = np.full(UNITS - first, rng.integers(scenes))
        if rng.random() < _CHANGES:
            picture[int(rng.integers(1, 5)) :] = rng.integers(scenes)
        return picture


def _draw_request(rng: np.random.Generator) -> str:
    """Return the name of a request; some more ask for the last reminder than by chance."""
    return 'remind_again' if rng.random() < _REMIND_SHARE else any_intent(rng).name


def act(
    memory: Memory,
    scenes: list[SceneState],
    heard: Callable[[int, Optional[float]], Hearing],
) -> list[ScriptUnit]:
    """Return what is right in every unit, up to one after the last thing that is said.

    memory: what is agreed before.
    heard: what is heard at the end of a unit, when the open turn has sounded since a time [s].
    """
    oracle = Oracle(memory, alerted=memory.last_reminder == FALL_ALERT)
    units, since, said = [], None, None
    for index, scene in enumerate(scenes):
        hearing = heard(index, since)
        was_open = oracle.turn_open
        action = oracle.step(scene, hearing)
        if action.text and since is None:
            since = index + 1.0
        if not oracle.turn_open:
            since = None
        if action.text or action.yielded:
            said = index
        labels = unit_labels(scene, hearing, was_open)
        units.append(
            ScriptUnit(
                scene, 0, action.text, action.end_of_turn, action.yielded, action.reason, labels
            )
        )
    return units[: _SILENT_UNITS if said is None else said + 2]


def past(rng: np.random.Generator, scenes: list[SceneState]) -> tuple[Memory, list[str]]:
    """Return what is agreed and what was said before, one text per speaking unit."""
    memory, said = Memory(), []
    if rng.random() < _PAST:
        for _ in range(int(np.exp(rng.uniform(0.0, np.log(_LONGEST_PAST + 1))))):
            scene = scenes[int(rng.integers(len(scenes)))]
            memory, sentence = _one_more(rng, memory, scene)
            said += split_into_units(sentence) if sentence else ()
    kept = list(said)
    while sum(map(len, kept)) > _PAST_CHARACTERS:
        del kept[0]
    return (memory if kept == said else memory_of(''.join(kept))), kept


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
