# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Plain data of a scripted conversation: what sounds, what is seen, what is right to say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Optional, Protocol

import numpy as np

from training.nano.layout import SceneLayout
from training.nano.scene import SceneState

NEAR_SPEECH = ('speech', 'unaddressed')  # people in the room, loud enough to talk over the robot


class Spoken(Protocol):
    """One reading of a sentence; ``index`` finds its samples, ``seconds`` is its length."""

    index: int
    seconds: float


class Pool(Protocol):
    """Where spoken sentences come from."""

    def pick(self, rng: np.random.Generator, text: str) -> Spoken:
        """Return one reading of the sentence."""

    def texts(self, kind: str) -> list[str]:
        """Return the sentences of a kind: 'request', 'backchannel' or 'unaddressed'."""


@dataclass(frozen=True)
class SoundEvent:
    """Something audible.

    kind: 'speech' (a request), 'unaddressed', 'backchannel', 'television' (all from the pool),
        'music', 'noise', 'household' (generated) or 'own_voice' (residual echo of ``text``).
    start, seconds: place in the script [s].
    utterance: index in the pool, -1 when generated.
    level: dB relative to normal speech at the microphone.
    text: the words, '' when there are none.
    intent: name of the request, '' for everything else.
    """

    kind: str
    start: float
    seconds: float
    utterance: int = -1
    level: float = 0.0
    text: str = ''
    intent: str = ''

    @property
    def end(self) -> float:
        """Return when the sound is over [s]."""
        return self.start + self.seconds


@dataclass(frozen=True)
class ScriptUnit:
    """One second and the right behaviour in it.

    state, layout: what the camera sees (None: no picture) and the index of the room's look.
    text, end_of_turn: what the robot says in this unit; '' means listen.
    yielded: an open turn is given up in this unit (``<|listen|>`` in mid-turn).
    reason: why it speaks: intent name, watch name, 'fall', or '' for silence.
    labels: classes for auxiliary losses: 'request' (1 + index of the intent whose request ended
        in time to be answered here, 0 = none), 'talking' (a person talks at the end of the unit),
        'talk_over' (a person has talked over the open turn for long enough), and what the picture
        shows (``renderer.attributes``).
    """

    state: Optional[SceneState]
    layout: int
    text: str = ''
    end_of_turn: bool = False
    yielded: bool = False
    reason: str = ''
    labels: dict[str, int] = field(default_factory=dict)


@dataclass
class Script:
    """A conversation or its later part; ``sounds`` may last longer than the units.

    previous: what was said in units that have been cut off, one text per speaking unit.
    """

    units: list[ScriptUnit] = field(default_factory=list)
    sounds: list[SoundEvent] = field(default_factory=list)
    layouts: list[SceneLayout] = field(default_factory=list)
    previous: list[str] = field(default_factory=list)

    def text_before(self, unit: int) -> str:
        """Return everything said before a unit, as the sliding window keeps it."""
        return ''.join([*self.previous, *(entry.text for entry in self.units[:unit])])

    def cut(self, first: int) -> Script:
        """Return the part from unit ``first`` on; of the units before only their text is kept.

        Long conversations are cheap this way: only the last part needs sound and pictures.
        """
        sounds = [
            replace(event, start=event.start - first) for event in self.sounds if event.end > first
        ]
        said = [entry.text for entry in self.units[:first] if entry.text]
        return Script(self.units[first:], sounds, self.layouts, [*self.previous, *said])
