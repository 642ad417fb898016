# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The right answer to every request, from what is seen and agreed; '' means silence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from training.nano.scene import ROOMS, SHAPES, SceneState
from training.nano.watch import CANCELLED, NO_REMINDER, WATCHES, Memory

Answer = Callable[[SceneState, Memory], str]

FIXED_ANSWERS = {
    'hello': 'Hello, how can I help?',
    'good_morning': 'Good morning.',
    'good_night': 'Good night, sleep well.',
    'goodbye': 'Goodbye, see you soon.',
    'how_are_you': 'I am fine, thank you.',
    'thank_you': 'You are welcome.',
    'who_are_you': 'I am your home robot.',
    'what_can_you_do': (
        'I can watch the pot, the door and the lamp, and call you when someone comes in.'
    ),
    'are_you_there': 'Yes, I am here.',
    'can_you_hear_me': 'Yes, I hear you.',
    'sorry': 'No problem.',
    'well_done': 'I am happy to help.',
    'i_am_home': 'Welcome home.',
    'help': 'I will call for help.',
    'what_time': 'I have no clock.',
    'weather': 'I can not see outside.',
    'tell_story': (
        'Once a robot watched a quiet home. The pot boiled, the door opened, and all was well.'
    ),
    'never_mind': CANCELLED,
    'stop': '',
    'be_quiet': '',
    **{f'go_to_{room.replace(" ", "_")}': f"I'm going to the {room}." for room in ROOMS},
    'come_here': "I'm coming.",
    'follow_me': "I'm following you.",
    'turn_left': "I'm turning left.",
    'turn_right': "I'm turning right.",
    'look_around': "I'm looking around.",
}


def _people(scene: SceneState) -> str:
    return ('nobody', 'one person', 'two people')[len(scene.people)]


def _place(scene: SceneState, memory: Memory) -> str:
    return f'I am in the {scene.room}.'


def _description(scene: SceneState, memory: Memory) -> str:
    return (
        f'I see the {scene.room} and {_people(scene)}. '
        f'The door is {scene.door} and the lamp is {_lamp_state(scene)}.'
    )


def _number_of_people(scene: SceneState, memory: Memory) -> str:
    return f'I see {_people(scene)}.'


def _presence(scene: SceneState, memory: Memory) -> str:
    return f'Yes, {_people(scene)}.' if scene.people else 'No, nobody is here.'


def _visibility(scene: SceneState, memory: Memory) -> str:
    return 'Yes, I see you.' if scene.people else 'No, I see nobody.'


def _door(scene: SceneState, memory: Memory) -> str:
    return f'The door is {scene.door}.'


def _lamp_state(scene: SceneState) -> str:
    return 'on' if scene.lamp else 'off'


def _lamp(scene: SceneState, memory: Memory) -> str:
    return f'The lamp is {_lamp_state(scene)}.'


def _parcel(scene: SceneState, memory: Memory) -> str:
    return 'Yes, there is a parcel.' if scene.parcel else 'No, I see no parcel.'


def _pot(scene: SceneState, memory: Memory) -> str:
    if scene.pot == 'none':
        return 'I see no pot.'
    return f'The pot is {"cold" if scene.pot == "idle" else scene.pot}.'


def _colour(shape: str, scene: SceneState, memory: Memory) -> str:
    colour = scene.colour_of(shape)
    return f'The {shape} is {colour}.' if colour else f'I see no {shape}.'


def _floor(scene: SceneState, memory: Memory) -> str:
    return 'Yes, someone is lying there.' if scene.fallen else 'No, all is well.'


def _watch(name: str, scene: SceneState, memory: Memory) -> str:
    if name == 'pot_boils' and scene.pot == 'none':
        return 'I see no pot.'
    watch = WATCHES[name]
    return watch.already if watch.happens(scene) else watch.confirmation


def _reminder_again(scene: SceneState, memory: Memory) -> str:
    reminder = memory.last_reminder
    return f'Again: {reminder[0].lower()}{reminder[1:]}' if reminder else NO_REMINDER


def _fixed(text: str, scene: SceneState, memory: Memory) -> str:
    return text


ANSWERS: dict[str, Answer] = {
    **{name: partial(_fixed, text) for name, text in FIXED_ANSWERS.items()},
    'can_you_see_me': _visibility,
    'where_are_you': _place,
    'what_do_you_see': _description,
    'how_many_people': _number_of_people,
    'is_anybody_there': _presence,
    'is_door_open': _door,
    'is_lamp_on': _lamp,
    'is_parcel_there': _parcel,
    'is_pot_boiling': _pot,
    **{f'colour_of_{shape}': partial(_colour, shape) for shape in SHAPES},
    'is_someone_on_floor': _floor,
    **{f'watch_{name}': partial(_watch, name) for name in WATCHES},
    'remind_again': _reminder_again,
}
