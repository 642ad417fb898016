# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import re

import pytest

from training.nano.pacing import split_into_units
from training.nano.request import INTENTS, remember, wordings
from training.nano.scene import SceneState
from training.nano.speech_corpus import (
    BACKCHANNELS,
    BACKCHANNELS_HELD_OUT,
    UNADDRESSED,
    UNADDRESSED_HELD_OUT,
    spoken_sentences,
)
from training.nano.watch import WATCHES, Memory


def test_there_are_forty_intents_in_several_wordings():
    assert len(INTENTS) >= 40
    assert all(len(intent.wordings) >= 4 for intent in INTENTS.values())
    assert all(len(intent.held_out) >= 2 for intent in INTENTS.values())


def test_every_wording_belongs_to_one_intent_and_one_part():
    texts = [text for part in (False, True) for _, text in wordings(part)]
    normalised = [re.sub(r'\W+', ' ', text.lower()).strip() for text in texts]
    assert len(set(normalised)) == len(normalised)


def test_other_speech_is_split_without_overlap():
    assert len(UNADDRESSED) + len(UNADDRESSED_HELD_OUT) >= 150
    assert not set(UNADDRESSED) & set(UNADDRESSED_HELD_OUT)
    assert not set(BACKCHANNELS) & set(BACKCHANNELS_HELD_OUT)


def test_the_robot_speaks_a_small_closed_language():
    words = {word for text in spoken_sentences() for word in re.findall(r"[\w']+", text.lower())}
    assert 80 <= len(words) <= 150


@pytest.mark.parametrize('sentence', spoken_sentences())
def test_every_unit_of_speech_fits_into_a_second(sentence):
    parts = split_into_units(sentence)
    assert ''.join(parts) == sentence
    assert all(0 < len(part) <= 20 for part in parts)


@pytest.mark.parametrize(
    ('intent', 'scene', 'answer'),
    [
        ('how_many_people', SceneState(people=('standing', 'lying')), 'I see two people.'),
        ('is_pot_boiling', SceneState('hall'), 'I see no pot.'),
        ('is_pot_boiling', SceneState(pot='idle'), 'The pot is cold.'),
        ('colour_of_cup', SceneState(cup='red', ball='blue'), 'The cup is red.'),
        ('colour_of_cube', SceneState(cup='red'), 'I see no cube.'),
        ('watch_lamp_off', SceneState(lamp=False), 'The lamp is off already.'),
        ('watch_lamp_off', SceneState(lamp=True), 'I will tell you when the lamp goes off.'),
        ('remind_again', SceneState(), 'I have no reminder.'),
        ('stop', SceneState(), ''),
    ],
)
def test_answers_follow_the_scene(intent, scene, answer):
    assert INTENTS[intent].answer(scene, Memory()) == answer


def test_last_reminder_is_repeated():
    memory = Memory((), WATCHES['door_opens'].reminder)
    assert INTENTS['remind_again'].answer(SceneState(), memory) == 'Again: the door opened.'


def test_confirmation_opens_and_never_mind_closes_watches():
    intent = INTENTS['watch_pot_boils']
    memory = remember(Memory(), intent, intent.answer(SceneState(pot='heating'), Memory()))
    assert memory.watches == ('pot_boils',)
    refused = remember(Memory(), intent, intent.answer(SceneState(pot='boiling'), Memory()))
    assert refused.watches == ()
    assert remember(memory, INTENTS['never_mind'], '').watches == ()


def test_unasked_sentences_are_never_answers():
    unasked = {watch.reminder for watch in WATCHES.values()}
    states = [SceneState(), SceneState('kitchen', 'boiling', 'open', ('lying',), True, False)]
    answers = {intent.answer(scene, Memory()) for intent in INTENTS.values() for scene in states}
    assert not unasked & answers
