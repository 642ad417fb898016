# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Yes-or-no questions about a picture: conditions that can be true in it, and ways to ask.

A condition is a state: "the door opens" is true as long as an open door is in the picture. The
true answer comes from the classes of ``renderer.ATTRIBUTES`` and only labels and judges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import itertools

import numpy as np

from minicpmo_ros.watch.condition import question_about
from training.nano.renderer import ATTRIBUTES
from training.nano.scene import COLOURS, POT_STATES, ROOMS, SHAPES

Classes = dict[str, int]


@dataclass(frozen=True)
class Condition:
    """Something that is true or not in a picture.

    kind: what it is about, for balance and for the table.
    phrases, held_out: ways to say it, "the pot boils"; held-out ones are never trained.
    questions: ways to ask for it directly, "Is the pot boiling?".
    holds: whether it is true for the classes of all attributes.
    """

    kind: str
    phrases: tuple[str, ...]
    held_out: tuple[str, ...]
    questions: tuple[str, ...]
    holds: Callable[[Classes], bool]


def _is(attribute: str, value: int) -> Callable[[Classes], bool]:
    return lambda classes: classes[attribute] == value


def _pot(state: str) -> Callable[[Classes], bool]:
    return _is('pot', POT_STATES.index(state))


def _somebody(classes: Classes) -> bool:
    return classes['people'] > 0


_FIXED = (
    Condition('pot boils', ('the pot boils', 'the pot is boiling', 'the pot boils over'),
              ('the pot starts to boil', 'the pot is boiling now'),
              ('Is the pot boiling?', 'Does the pot boil?', 'Is the pot boiling over?'),
              _pot('boiling')),
    Condition('pot heats', ('the pot is heating', 'the pot gets hot', 'the pot is heating up'),
              ('the pot is getting hot',), ('Is the pot heating?',), _pot('heating')),
    Condition('pot cold', ('the pot is cold', 'the pot is not hot'), ('there is a cold pot',),
              ('Is the pot cold?',), _pot('idle')),
    Condition('door open', ('the door opens', 'the door is open', 'the door gets opened',
                            'somebody opens the door'),
              ('the door has opened', 'someone opens the door'),
              ('Is the door open?', 'Did the door open?'), _is('door', 1)),
    Condition('door closed', ('the door closes', 'the door is closed', 'the door gets closed',
                              'somebody closes the door'),
              ('the door has closed', 'someone closes the door'),
              ('Is the door closed?', 'Did the door close?'), _is('door', 0)),
    Condition('somebody', ('someone comes in', 'somebody comes in', 'someone is there',
                           'somebody is in the room', 'someone comes', 'somebody comes',
                           'anybody comes in', 'a person is in the room', 'someone enters'),
              ('somebody is there', 'anybody comes', 'a person comes in'),
              ('Is somebody there?', 'Is anybody in the room?', 'Do you see a person?'),
              _somebody),
    Condition('nobody', ('nobody is there', 'the room is empty', 'nobody is in the room'),
              ('there is nobody',), ('Is the room empty?', 'Is nobody there?'),
              _is('people', 0)),
    Condition('one person', ('one person is there', 'there is one person'),
              ('one person is in the room',), ('Is one person there?',), _is('people', 1)),
    Condition('two people', ('two people are there', 'there are two people'),
              ('two people are in the room',), ('Are two people there?',), _is('people', 2)),
    Condition('on the floor', ('someone has fallen', 'someone is on the floor',
                               'somebody is lying on the floor', 'someone falls',
                               'someone falls down', 'a person lies on the floor'),
              ('somebody has fallen', 'somebody is on the floor'),
              ('Has someone fallen?', 'Is somebody on the floor?'), _is('fallen', 1)),
    Condition('parcel', ('a parcel comes', 'there is a parcel', 'the parcel arrives',
                         'my parcel comes', 'a parcel is here', 'my parcel is here'),
              ('a parcel arrives', 'the parcel is here', 'the parcel comes'),
              ('Is there a parcel?', 'Do you see a parcel?'), _is('parcel', 1)),
    Condition('no parcel', ('there is no parcel',), ('no parcel is here',),
              ('Is there no parcel?',), _is('parcel', 0)),
    Condition('lamp off', ('the lamp goes off', 'the lamp is off', 'the light goes off',
                           'the light is off'),
              ('the lamp went off', 'the light went off'),
              ('Is the lamp off?', 'Did the lamp go off?'), _is('lamp', 0)),
    Condition('lamp on', ('the lamp goes on', 'the lamp is on', 'the light is on'),
              ('the light goes on', 'the lamp went on'), ('Is the lamp on?', 'Is the light on?'),
              _is('lamp', 1)),
)  # fmt: skip


def _rooms() -> list[Condition]:
    return [
        Condition(
            'room',
            (f'this is the {room}', f'you are in the {room}'),
            (f'the room is the {room}',),
            (f'Is this the {room}?', f'Are you in the {room}?'),
            _is('room', index),
        )
        for index, room in enumerate(ROOMS)
    ]


def _object(shape: str) -> Condition:
    return Condition(
        f'some {shape}',
        (f'there is a {shape}', f'a {shape} is there'),
        (f'a {shape} is in the room',),
        (f'Is there a {shape}?', f'Do you see a {shape}?'),
        lambda classes: classes[shape] > 0,
    )


def _coloured(shape: str, index: int, colour: str) -> Condition:
    return Condition(
        f'colour of {shape}',
        (f'the {shape} is {colour}', f'there is a {colour} {shape}'),
        (f'a {colour} {shape} is there',),
        (f'Is the {shape} {colour}?', f'Do you see a {colour} {shape}?'),
        _is(shape, index + 1),
    )


CONDITIONS = (
    *_FIXED,
    *_rooms(),
    *(_object(shape) for shape in SHAPES),
    *(
        _coloured(shape, index, colour)
        for shape, (index, colour) in itertools.product(SHAPES, enumerate(COLOURS))
    ),
)
KINDS = tuple(dict.fromkeys(condition.kind for condition in CONDITIONS))
_FRAMES = ('Is it true that {text}?', 'Is it so that {text}?', 'Do you see that {text}?',
           'Look at the picture. Is it true that {text}?', 'Can you see that {text}?',
           'Is it true now that {text}?')  # fmt: skip
HELD_OUT_FRAMES = ('Look at the room. Is it so now that {text}?',
                   'Is it true right now that {text}?',
                   'Do you see now that {text}?')  # fmt: skip
_WATCH_SHARE, _DIRECT_SHARE, _PLACE_SHARE = 0.5, 0.25, 0.2


@dataclass(frozen=True)
class Question:
    """A question and its true answer for one picture.

    condition: index in ``CONDITIONS``; classes: what the picture shows, as ``ATTRIBUTES``.
    """

    kind: str
    text: str
    answer: bool
    condition: int = 0
    classes: tuple[int, ...] = (0,) * len(ATTRIBUTES)


def classes_of(labels: np.ndarray) -> Classes:
    """Return the classes by name of int [10], ordered as ``ATTRIBUTES``."""
    return dict(zip(ATTRIBUTES, (int(value) for value in labels), strict=True))


def draw_question(rng: np.random.Generator, classes: Classes, held_out: bool = False) -> Question:
    """Return a random question; yes and no are about equally frequent.

    held_out: ask in words that training never uses. Half of the others are asked exactly as the
        events node asks for a watch.
    """
    wanted = bool(rng.random() < 0.5)
    fitting = [entry for entry in CONDITIONS if entry.holds(classes) is wanted]
    kinds = tuple(dict.fromkeys(entry.kind for entry in fitting))
    kind = kinds[int(rng.integers(len(kinds)))]
    choices = [entry for entry in fitting if entry.kind == kind]
    condition = choices[int(rng.integers(len(choices)))]
    return _ask(rng, condition, classes, held_out)


def _ask(
    rng: np.random.Generator, condition: Condition, classes: Classes, held_out: bool
) -> Question:
    answer = condition.holds(classes)
    facts = (CONDITIONS.index(condition), tuple(classes.values()))
    draw = rng.random()
    text = _one(rng, condition.held_out if held_out else condition.phrases)
    if draw < _WATCH_SHARE and not held_out:
        room = None
        if rng.random() < _PLACE_SHARE and condition.kind != 'room':
            room = int(rng.integers(len(ROOMS))) if rng.random() < 0.5 else classes['room']
        answer = answer and room in (None, classes['room'])
        text = question_about(text, '' if room is None else ROOMS[room])
        return Question(condition.kind, text, answer, *facts)
    if draw < _WATCH_SHARE + _DIRECT_SHARE and not held_out:
        return Question(condition.kind, _one(rng, condition.questions), answer, *facts)
    frames = HELD_OUT_FRAMES if held_out else _FRAMES
    return Question(condition.kind, _one(rng, frames).format(text=text), answer, *facts)


def _one(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]
