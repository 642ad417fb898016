# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything that is said to nano and what it may answer.

Wordings are read by synthetic voices and become audio; the model never sees them as text. The
accepted answers are the labels of training and the judge of evaluation; nothing here runs in the
product. ``held_out`` wordings are never used in training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from training.nano.scene import SceneState

CANCELLED = 'Okay, I stop watching.'
FALL_ALERT = 'Alert, someone has fallen!'
NO_REMINDER = 'I have no reminder.'


@dataclass(frozen=True)
class Watch:
    """Something that can be watched for.

    event: how it is named in the confirmation "I will tell you when ...".
    reminder: what is said unasked when it happens; this closes the watch.
    already: the answer when it is true at the time of the request; no watch is opened.
    happens: whether it is true in a scene.
    """

    name: str
    event: str
    reminder: str
    already: str
    happens: Callable[[SceneState], bool]

    @property
    def confirmation(self) -> str:
        """Return the sentence that opens the watch and keeps it alive as text."""
        return f'I will tell you when {self.event}.'


WATCHES = {
    watch.name: watch
    for watch in (
        Watch(
            'pot_boils',
            'the pot boils',
            'The pot is boiling now.',
            'The pot boils already.',
            lambda scene: scene.pot == 'boiling',
        ),
        Watch(
            'person_comes',
            'someone comes in',
            'Someone came in.',
            'Someone is here already.',
            lambda scene: len(scene.people) > 0,
        ),
        Watch(
            'door_opens',
            'the door opens',
            'The door opened.',
            'The door is open already.',
            lambda scene: scene.door == 'open',
        ),
        Watch(
            'door_closes',
            'the door closes',
            'The door closed.',
            'The door is closed already.',
            lambda scene: scene.door == 'closed',
        ),
        Watch(
            'parcel_comes',
            'a parcel comes',
            'A parcel came.',
            'A parcel is here already.',
            lambda scene: scene.parcel,
        ),
        Watch(
            'lamp_off',
            'the lamp goes off',
            'The lamp went off.',
            'The lamp is off already.',
            lambda scene: not scene.lamp,
        ),
    )
}


@dataclass
class Memory:
    """What has been agreed in the conversation so far.

    watches: names of open watches, oldest first.
    last_reminder: the last reminder spoken, '' when there was none.
    """

    watches: tuple[str, ...] = ()
    last_reminder: str = ''


Answer = Callable[[SceneState, Memory], tuple[str, ...]]


@dataclass(frozen=True)
class Intent:
    """One thing people want, in several wordings.

    answer: accepted answers for a scene and memory, the first is the training label;
        an empty tuple means that silence is right.
    watch: name of the watch that the request opens.
    """

    name: str
    wordings: tuple[str, ...]
    held_out: tuple[str, ...]
    answer: Answer
    watch: Optional[str] = None


def _always(*texts: str) -> Answer:
    return lambda scene, memory: texts


def _people(scene: SceneState) -> str:
    return ('nobody', 'one person', 'two people')[len(scene.people)]


def _description(scene: SceneState, memory: Memory) -> tuple[str, ...]:
    lamp = 'on' if scene.lamp else 'off'
    return (
        f'I see the {scene.room} and {_people(scene)}. '
        f'The door is {scene.door} and the lamp is {lamp}.',
    )


def _presence(scene: SceneState, memory: Memory) -> tuple[str, ...]:
    return (f'Yes, {_people(scene)}.',) if scene.people else ('No, nobody is here.',)


def _pot(scene: SceneState, memory: Memory) -> tuple[str, ...]:
    if scene.pot == 'none':
        return ('I see no pot.',)
    return (f'The pot is {"cold" if scene.pot == "idle" else scene.pot}.',)


def _parcel(scene: SceneState, memory: Memory) -> tuple[str, ...]:
    return ('Yes, there is a parcel.',) if scene.parcel else ('No, I see no parcel.',)


def _floor(scene: SceneState, memory: Memory) -> tuple[str, ...]:
    return ('Yes, someone is lying there.',) if scene.fallen else ('No, all is well.',)


def _visible(scene: SceneState, memory: Memory) -> tuple[str, ...]:
    return ('Yes, I see you.',) if scene.people else ('No, I see nobody.',)


def _colour(shape: str) -> Answer:
    def answer(scene: SceneState, memory: Memory) -> tuple[str, ...]:
        colour = scene.colour_of(shape)
        return (f'The {shape} is {colour}.' if colour else f'I see no {shape}.',)

    return answer


def _watch(name: str) -> Answer:
    def answer(scene: SceneState, memory: Memory) -> tuple[str, ...]:
        watch = WATCHES[name]
        if name == 'pot_boils' and scene.pot == 'none':
            return ('I see no pot.',)
        return (watch.already if watch.happens(scene) else watch.confirmation,)

    return answer


def _again(scene: SceneState, memory: Memory) -> tuple[str, ...]:
    reminder = memory.last_reminder
    if not reminder:
        return (NO_REMINDER,)
    return (f'Again: {reminder[0].lower()}{reminder[1:]}',)


_INTENTS = (
    Intent(
        'hello',
        ('Hello.', 'Hello there.', 'Hi.', 'Hi robot.', 'Hey there.', 'Hello robot.'),
        ('Hi there.', 'Hey robot.'),
        _always('Hello, how can I help?'),
    ),
    Intent(
        'good_morning',
        ('Good morning.', 'Good morning robot.', 'Morning.', 'Good morning to you.'),
        ('Good morning there.', 'A good morning to you.'),
        _always('Good morning.'),
    ),
    Intent(
        'good_night',
        ('Good night.', 'Good night robot.', 'I am going to bed, good night.', 'Sleep well.'),
        ('Good night to you.', 'Sleep well robot.'),
        _always('Good night, sleep well.'),
    ),
    Intent(
        'goodbye',
        ('Goodbye.', 'Bye bye.', 'Bye robot.', 'See you later.', 'Goodbye robot.'),
        ('Bye bye robot.', 'Goodbye, see you later.'),
        _always('Goodbye, see you soon.'),
    ),
    Intent(
        'how_are_you',
        ('How are you?', 'How are you today?', 'How do you feel?', 'Robot, how are you doing?'),
        ('How are you doing today?', 'How do you feel today?'),
        _always('I am fine, thank you.'),
    ),
    Intent(
        'thank_you',
        ('Thank you.', 'Thanks.', 'Thank you very much.', 'Thanks a lot.', 'Thank you robot.'),
        ('Thanks very much.', 'Thanks robot.'),
        _always('You are welcome.'),
    ),
    Intent(
        'who_are_you',
        ('Who are you?', 'What is your name?', 'Tell me your name.', 'Robot, who are you?'),
        ('And who are you?', 'Please tell me your name.'),
        _always('I am your home robot.'),
    ),
    Intent(
        'what_can_you_do',
        (
            'What can you do?',
            'What can you do for me?',
            'What are you good at?',
            'How can you help me?',
        ),
        ('Robot, what can you do?', 'How can you help?'),
        _always('I can watch the pot, the door and the lamp, and call you when someone comes in.'),
    ),
    Intent(
        'are_you_there',
        ('Are you there?', 'Robot, are you there?', 'Are you awake?', 'Are you still there?'),
        ('Are you still awake?', 'Hey, are you there?'),
        _always('Yes, I am here.'),
    ),
    Intent(
        'can_you_hear_me',
        ('Can you hear me?', 'Do you hear me?', 'Robot, can you hear me?', 'Can you hear me now?'),
        ('Do you hear me now?', 'Robot, do you hear me?'),
        _always('Yes, I hear you.'),
    ),
    Intent(
        'can_you_see_me',
        ('Can you see me?', 'Do you see me?', 'Robot, can you see me?', 'Can you see me now?'),
        ('Do you see me now?', 'Robot, do you see me?'),
        _visible,
    ),
    Intent(
        'sorry',
        ('Sorry.', 'I am sorry.', 'Sorry about that.', 'I am so sorry.'),
        ('I am sorry about that.', 'So sorry.'),
        _always('No problem.'),
    ),
    Intent(
        'well_done',
        ('Well done.', 'Good job.', 'Well done robot.', 'That was a good job.'),
        ('Good job robot.', 'That was well done.'),
        _always('I am happy to help.'),
    ),
    Intent(
        'i_am_home',
        ('I am home.', 'I am back.', 'I am home again.', 'Robot, I am back home.'),
        ('I am back home.', 'I am back again.'),
        _always('Welcome home.'),
    ),
    Intent(
        'help',
        ('Help!', 'Help me!', 'Please help me!', 'Call for help!', 'I need help!'),
        ('Please call for help!', 'Help, I need help!'),
        _always('I will call for help.'),
    ),
    Intent(
        'what_time',
        ('What time is it?', 'What is the time?', 'Tell me the time.', 'Do you have the time?'),
        ('Please tell me the time.', 'What time is it now?'),
        _always('I have no clock.'),
    ),
    Intent(
        'weather',
        (
            'What is the weather like?',
            'How is the weather?',
            'Will it rain today?',
            'Is it going to rain?',
        ),
        ('How is the weather today?', 'What is the weather like today?'),
        _always('I can not see outside.'),
    ),
    Intent(
        'tell_story',
        (
            'Tell me a story.',
            'Please tell me a story.',
            'Do you know a story?',
            'Robot, tell me a story.',
        ),
        ('Tell me a story please.', 'Do you know a good story?'),
        _always(
            'Once a robot watched a quiet home. The pot boiled, the door opened, and all was well.'
        ),
    ),
    Intent(
        'where_are_you',
        (
            'Where are you?',
            'Which room are you in?',
            'What room is this?',
            'Tell me where you are.',
            'Which room is this?',
        ),
        ('What room are you in?', 'Robot, where are you?'),
        lambda scene, memory: (f'I am in the {scene.room}.',),
    ),
    Intent(
        'what_do_you_see',
        (
            'What do you see?',
            'What can you see?',
            'Tell me what you see.',
            'Describe the room.',
            'What do you see there?',
            'Please describe what you see.',
        ),
        ('Tell me what you can see.', 'Robot, what do you see?'),
        _description,
    ),
    Intent(
        'how_many_people',
        (
            'How many people are there?',
            'How many people do you see?',
            'How many persons are here?',
            'Count the people.',
            'How many people are in the room?',
        ),
        ('How many people are here?', 'How many persons do you see?'),
        lambda scene, memory: (f'I see {_people(scene)}.',),
    ),
    Intent(
        'is_anybody_there',
        (
            'Is anybody there?',
            'Is anyone in the room?',
            'Is somebody here?',
            'Do you see anybody?',
            'Is anybody home?',
        ),
        ('Is anybody in the room?', 'Do you see anyone?'),
        _presence,
    ),
    Intent(
        'is_door_open',
        (
            'Is the door open?',
            'Is the door closed?',
            'What about the door?',
            'Tell me if the door is open.',
            'How is the door?',
            'Did I close the door?',
        ),
        ('Tell me if the door is closed.', 'Is the door open now?'),
        lambda scene, memory: (f'The door is {scene.door}.',),
    ),
    Intent(
        'is_lamp_on',
        (
            'Is the lamp on?',
            'Is the lamp off?',
            'What about the lamp?',
            'Tell me if the lamp is on.',
            'Is the light on?',
        ),
        ('Tell me if the lamp is off.', 'Is the lamp on now?'),
        lambda scene, memory: (f'The lamp is {"on" if scene.lamp else "off"}.',),
    ),
    Intent(
        'is_parcel_there',
        (
            'Is there a parcel?',
            'Do you see a parcel?',
            'Is there a parcel at the door?',
            'Did I get a parcel?',
            'Is my parcel there?',
        ),
        ('Do you see my parcel?', 'Is there a parcel for me?'),
        _parcel,
    ),
    Intent(
        'is_pot_boiling',
        (
            'Is the pot boiling?',
            'How is the pot?',
            'What about the pot?',
            'Is the pot hot?',
            'What is the pot doing?',
            'Does the pot boil?',
        ),
        ('Is the pot boiling now?', 'Tell me if the pot is boiling.'),
        _pot,
    ),
    *(
        Intent(
            f'colour_of_{shape}',
            (
                f'What colour is the {shape}?',
                f'Which colour is the {shape}?',
                f'Tell me the colour of the {shape}.',
                f'What is the colour of the {shape}?',
                f'What colour does the {shape} have?',
            ),
            (f'Which colour does the {shape} have?', f'What colour has the {shape}?'),
            _colour(shape),
        )
        for shape in ('ball', 'cube', 'cup')
    ),
    Intent(
        'is_someone_on_floor',
        (
            'Is someone on the floor?',
            'Is anybody lying on the floor?',
            'Did someone fall?',
            'Has anybody fallen down?',
            'Is somebody lying down?',
        ),
        ('Did anybody fall down?', 'Is anyone lying on the floor?'),
        _floor,
    ),
    Intent(
        'watch_pot_boils',
        (
            'Tell me when the pot boils.',
            'Tell me when the pot is boiling.',
            'Let me know when the pot boils.',
            'Watch the pot.',
            'Please watch the pot for me.',
            'Call me when the pot boils over.',
        ),
        ('Let me know when the pot is boiling.', 'Please tell me when the pot boils.'),
        _watch('pot_boils'),
        'pot_boils',
    ),
    Intent(
        'watch_person_comes',
        (
            'Tell me when someone comes in.',
            'Tell me when somebody comes.',
            'Let me know when someone comes.',
            'Call me when someone enters.',
            'Tell me if anybody comes in.',
            'Please watch for people.',
        ),
        ('Let me know when somebody comes in.', 'Call me when someone comes in.'),
        _watch('person_comes'),
        'person_comes',
    ),
    Intent(
        'watch_door_opens',
        (
            'Tell me when the door opens.',
            'Let me know when the door opens.',
            'Tell me when the door gets opened.',
            'Call me when the door opens.',
            'Tell me if somebody opens the door.',
        ),
        ('Please tell me when the door opens.', 'Let me know if somebody opens the door.'),
        _watch('door_opens'),
        'door_opens',
    ),
    Intent(
        'watch_door_closes',
        (
            'Tell me when the door closes.',
            'Let me know when the door closes.',
            'Tell me when the door gets closed.',
            'Call me when the door closes.',
            'Tell me if somebody closes the door.',
        ),
        ('Please tell me when the door closes.', 'Let me know if somebody closes the door.'),
        _watch('door_closes'),
        'door_closes',
    ),
    Intent(
        'watch_parcel_comes',
        (
            'Tell me when a parcel comes.',
            'Let me know when a parcel comes.',
            'Tell me when the parcel arrives.',
            'Call me when my parcel comes.',
            'Watch for a parcel.',
            'Tell me when my parcel is here.',
        ),
        ('Let me know when the parcel arrives.', 'Please watch for a parcel.'),
        _watch('parcel_comes'),
        'parcel_comes',
    ),
    Intent(
        'watch_lamp_off',
        (
            'Tell me when the lamp goes off.',
            'Let me know when the lamp goes off.',
            'Tell me when the light goes off.',
            'Call me when the lamp goes off.',
            'Watch the lamp.',
        ),
        ('Please tell me when the lamp goes off.', 'Please watch the lamp for me.'),
        _watch('lamp_off'),
        'lamp_off',
    ),
    Intent(
        'never_mind',
        (
            'Never mind.',
            'Forget it.',
            'Cancel that.',
            'Stop watching.',
            'Never mind, forget it.',
            'You can stop watching.',
        ),
        ('Never mind robot.', 'Forget about it, never mind.'),
        _always(CANCELLED),
    ),
    Intent(
        'remind_again',
        (
            'Remind me again.',
            'Say that again.',
            'What did you say?',
            'Repeat that please.',
            'Please remind me again.',
            'Tell me again.',
        ),
        ('Please say that again.', 'Repeat the reminder please.'),
        _again,
    ),
    Intent(
        'stop',
        ('Stop.', 'Stop now.', 'Stop it.', 'Please stop.', 'Robot, stop.'),
        ('Stop please.', 'Stop it now.'),
        _always(),
    ),
    Intent(
        'be_quiet',
        ('Be quiet.', 'Quiet please.', 'Please be quiet.', 'Be silent.', 'Hush, be quiet.'),
        ('Quiet now.', 'Be quiet please.'),
        _always(),
    ),
    *(
        Intent(
            f'go_to_{room.replace(" ", "_")}',
            (
                f'Go to the {room}.',
                f'Please go to the {room}.',
                f'Drive to the {room}.',
                f'Move to the {room}.',
                f'Robot, go to the {room}.',
            ),
            (f'Please drive to the {room}.', f'Go to the {room} please.'),
            _always(f"I'm going to the {room}."),
        )
        for room in ('kitchen', 'hall', 'living room')
    ),
    Intent(
        'come_here',
        ('Come here.', 'Come to me.', 'Please come here.', 'Come over here.', 'Robot, come here.'),
        ('Please come to me.', 'Come here please.'),
        _always("I'm coming."),
    ),
    Intent(
        'follow_me',
        ('Follow me.', 'Please follow me.', 'Come with me.', 'Robot, follow me.'),
        ('Follow me please.', 'Please come with me.'),
        _always("I'm following you."),
    ),
    Intent(
        'turn_left',
        ('Turn left.', 'Please turn left.', 'Turn to the left.', 'Robot, turn left.'),
        ('Turn left please.', 'Please turn to the left.'),
        _always("I'm turning left."),
    ),
    Intent(
        'turn_right',
        ('Turn right.', 'Please turn right.', 'Turn to the right.', 'Robot, turn right.'),
        ('Turn right please.', 'Please turn to the right.'),
        _always("I'm turning right."),
    ),
    Intent(
        'look_around',
        ('Look around.', 'Please look around.', 'Have a look around.', 'Look around the room.'),
        ('Look around please.', 'Please have a look around.'),
        _always("I'm looking around."),
    ),
)

INTENTS = {intent.name: intent for intent in _INTENTS}


def wordings(held_out: bool) -> tuple[tuple[str, str], ...]:
    """Return all (intent name, wording) pairs of the training or of the held-out part."""
    return tuple(
        (intent.name, text)
        for intent in INTENTS.values()
        for text in (intent.held_out if held_out else intent.wordings)
    )


def remember(memory: Memory, intent: Intent, answer: str) -> Memory:
    """Return the memory after a request was answered."""
    if intent.name == 'never_mind':
        return Memory((), memory.last_reminder)
    if intent.watch and answer == WATCHES[intent.watch].confirmation:
        others = tuple(name for name in memory.watches if name != intent.watch)
        return Memory((*others, intent.watch), memory.last_reminder)
    return memory
