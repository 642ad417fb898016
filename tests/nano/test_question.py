# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from minicpmo.tokenizer import PretrainedTokenizer
from minicpmo_ros.watch.watch import Watch
from tests.nano.stream_example import silent_stream
from training.nano.language_data import IGNORED, SequenceWriter
from training.nano.language_training import MODEL_FOLDER
from training.nano.question import (
    CONDITIONS,
    HELD_OUT_FRAMES,
    KINDS,
    Question,
    draw_question,
)
from training.nano.renderer import attributes
from training.nano.scene import SceneState
from training.nano.vision_training import any_scene
from training.nano.watch import WATCHES

TRUE_IN = {
    'the pot boils': SceneState(pot='boiling'),
    'someone comes in': SceneState(people=('standing',)),
    'the door opens': SceneState(door='open'),
    'the door closes': SceneState(door='closed'),
    'a parcel comes': SceneState(parcel=True),
    'the lamp goes off': SceneState(lamp=False),
    'someone has fallen': SceneState(people=('standing', 'lying')),
    'the ball is red': SceneState(ball='red'),
    'there is a cup': SceneState(cup='blue'),
    'two people are there': SceneState(people=('standing', 'standing')),
}
FALSE_IN = {
    'the pot boils': SceneState(pot='heating'),
    'someone comes in': SceneState(),
    'the door opens': SceneState(door='closed'),
    'the door closes': SceneState(door='open'),
    'a parcel comes': SceneState(),
    'the lamp goes off': SceneState(lamp=True),
    'someone has fallen': SceneState(people=('standing',)),
    'the ball is red': SceneState(ball='green', cube='red'),
    'there is a cup': SceneState(ball='blue'),
    'two people are there': SceneState(people=('standing',)),
}


def _condition(phrase: str):
    return next(entry for entry in CONDITIONS if phrase in entry.phrases)


@pytest.mark.parametrize('phrase', TRUE_IN)
def test_a_condition_is_true_in_its_scene_and_false_in_another(phrase):
    holds = _condition(phrase).holds
    assert holds(attributes(TRUE_IN[phrase]))
    assert not holds(attributes(FALSE_IN[phrase]))


def test_every_watch_that_can_be_asked_for_by_voice_is_a_trained_condition():
    for watch in WATCHES.values():
        condition = _condition(watch.event)
        rng = np.random.default_rng(2)
        for scene in (any_scene(rng) for _ in range(200)):
            assert condition.holds(attributes(scene)) == watch.happens(scene)


def test_watches_are_asked_about_as_the_events_node_does():
    """Half of the trained questions are those of a watch, with and without a zone."""
    rng = np.random.default_rng(7)
    classes = attributes(any_scene(rng))
    asked = {draw_question(rng, classes).text for _ in range(3000)}
    phrases = [phrase for entry in CONDITIONS for phrase in entry.phrases]
    sent = {
        Watch('watch', phrase, zone=zone).question
        for phrase in phrases
        for zone in ('', 'kitchen')
    }
    assert len(asked & {question for question in sent if 'kitchen' in question}) > 5
    assert len(asked & {question for question in sent if 'kitchen' not in question}) > 20


def test_held_out_words_are_not_trained():
    trained = {p for entry in CONDITIONS for p in (*entry.phrases, *entry.questions)}
    assert all(trained.isdisjoint(entry.held_out) for entry in CONDITIONS)
    rng = np.random.default_rng(3)
    texts = [draw_question(rng, attributes(any_scene(rng))).text for _ in range(3000)]
    for frame in HELD_OUT_FRAMES:
        begin = frame.partition('{')[0]
        assert not any(text.startswith(begin) for text in texts)


def test_yes_and_no_are_about_equally_frequent_and_every_kind_is_asked():
    rng = np.random.default_rng(4)
    asked = [draw_question(rng, attributes(any_scene(rng))) for _ in range(4000)]
    assert 0.4 < np.mean([question.answer for question in asked]) < 0.52
    assert {question.kind for question in asked} == set(KINDS)


def test_a_zone_in_which_the_robot_is_not_makes_the_answer_no():
    rng = np.random.default_rng(5)
    classes = attributes(SceneState(room='hall', pot='boiling', door='open'))
    asked = [draw_question(rng, classes) for _ in range(3000)]
    elsewhere = [q for q in asked if 'newest picture' in q.text and 'in the kitchen?' in q.text]
    elsewhere = [q for q in elsewhere if q.kind != 'room']
    assert elsewhere and not any(question.answer for question in elsewhere)


def test_only_the_first_token_of_an_answer_is_learned():
    tokenizer = PretrainedTokenizer(MODEL_FOLDER)
    writer = SequenceWriter(tokenizer)
    questions = [Question('pot boils', 'Is the pot boiling?', answer) for answer in (True, False)]
    sequence = writer.write(
        silent_stream(2), 0, 2, np.random.default_rng(0), questions, learned=False
    )
    places = (sequence.targets != IGNORED).nonzero()[:, 0].tolist()
    assert sequence.asked.nonzero()[:, 0].tolist() == places
    assert [tokenizer.decode([int(sequence.targets[place])]) for place in places] == ['Yes', 'No']
    assert [int(sequence.ids[place + 1]) for place in places] == [
        int(sequence.targets[place]) for place in places
    ]
