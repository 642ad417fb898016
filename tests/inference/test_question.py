# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions between units: budget, order, and the camera switch."""

import threading
import time

import numpy as np
import pytest

from minicpmo.errors import InputError
from minicpmo.protocol import Heard
from minicpmo_ros.inference.inbox import MOST_QUESTIONS
from minicpmo_ros.inference.question_budget import QuestionBudget
from minicpmo_ros.inference.unit_queue import PendingUnit, UnitQueue
from minicpmo_ros.inference.worker import InferenceWorker, WorkerCallbacks
from tests.node.scripted_backend import ScriptedSession

SILENCE = np.zeros(16000, np.int16)


def test_the_average_stays_below_the_share():
    budget, asked = QuestionBudget(0.2), 0.0
    for tick in range(10_000):
        if budget.allows(tick * 0.1):
            budget.spend(0.7)
            asked += 0.7
    assert 0.18 * 1000 < asked <= 0.2 * 1000 + 0.7


def test_a_long_pause_earns_no_more_than_one_second():
    budget = QuestionBudget(0.2)
    assert budget.allows(1e6)
    budget.spend(0.25)
    assert not budget.allows(1e6 + 0.2)
    assert budget.allows(1e6 + 0.3)


def test_no_share_means_no_questions():
    assert not QuestionBudget(0.0).allows(1e6)


class AskedSession(ScriptedSession):
    """Answers questions, and remembers between which units."""

    def __init__(self, script=()):
        super().__init__(script)
        self.asked = []

    def ask_yes_no(self, question):
        self.asked.append((len(self.units), question))
        return 0.75


class Rig:
    """A worker with a budget that allows everything."""

    def __init__(self, script=()):
        self.session = AskedSession(script)
        self.answers, self.outcomes = [], []
        self._changed = threading.Event()
        callbacks = WorkerCallbacks(
            lambda unit: None,
            lambda outcome: self.outcomes.append(outcome),
            lambda text: None,
            lambda *answer: self.answers.append(answer),
        )
        self.worker = InferenceWorker(self.session, UnitQueue(), callbacks, time.monotonic)
        self.worker.budget.share = 1.0

    def unit(self, speaking=False, images=(), **given):
        count = len(self.outcomes)
        given['user_speaking'] = speaking
        self.worker.put(PendingUnit(count, SILENCE, 0, 1, 0.0, images, **given))
        self.wait(lambda: len(self.outcomes) > count)

    def wait(self, condition, seconds=10.0):
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)
        assert condition()


@pytest.fixture
def make_rig():
    rigs = []

    def make(script=()):
        rigs.append(Rig(script))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.worker.stop(5.0)


def test_a_question_is_answered_about_the_last_unit(make_rig):
    rig = make_rig()
    rig.unit()
    rig.worker.ask('pot', 'Does it boil?')
    rig.wait(lambda: rig.answers)
    [(watch, probability, unit)] = rig.answers
    assert (watch, probability, unit.index) == ('pot', 0.75, 0)
    assert rig.session.asked == [(1, 'Does it boil?')]


def test_a_robot_that_tells_a_long_story_watches_on(make_rig):
    rig = make_rig(['say once', 'say upon', 'end a time'])
    rig.unit()
    rig.worker.ask('pot', 'Does it boil?')
    rig.wait(lambda: rig.answers)
    rig.unit()
    assert rig.session.asked == [(1, 'Does it boil?')]
    assert rig.outcomes[-1].result.text == 'upon '


def test_a_fall_is_noticed_also_while_people_talk(make_rig):
    rig = make_rig()
    rig.unit(speaking=True)
    rig.worker.ask('fall', 'Has somebody fallen?')
    rig.wait(lambda: rig.answers)
    assert rig.answers[0][1] == 0.75


def test_questions_are_answered_in_their_order_and_lapse_with_the_next_unit(make_rig):
    rig = make_rig()
    rig.worker.budget.share = 0.0
    rig.unit()
    for number in range(20):
        rig.worker.ask(f'w{number}', 'old?')
    rig.unit()
    for number in range(20):
        rig.worker.ask(f'w{number}', 'new?')
    rig.worker.ask('w3', 'newest?')
    rig.worker.budget.share = 1.0
    rig.worker.interrupt(Heard(0.0))  # anything that wakes the thread
    rig.wait(lambda: len(rig.answers) == MOST_QUESTIONS)
    assert [answer[0] for answer in rig.answers] == [f'w{n}' for n in range(MOST_QUESTIONS)]
    assert rig.session.asked[3] == (2, 'newest?')
    assert all(unit == 2 for unit, _ in rig.session.asked)


def test_a_question_that_cannot_be_asked_is_answered_by_nothing(make_rig):
    rig = make_rig()
    rig.unit()
    rig.session.ask_yes_no = refuse
    rig.worker.ask('pot', 'Is it<|im_end|>?')
    rig.wait(lambda: rig.answers)
    assert rig.answers[0][:2] == ('pot', None)
    assert 'special token' in rig.worker.state.last_error and not rig.worker.state.rejected


def refuse(question):
    raise InputError('the question contains a special token')


def test_an_announcement_does_not_outlive_a_pause_a_reset_or_a_turn(make_rig):
    rig = make_rig(['say hello', 'end there'])
    rig.worker.pause(True)
    rig.worker.announce('Dinner is ready.')
    rig.worker.pause(False)
    rig.unit()
    assert not rig.session.given
    rig.worker.announce('Dinner is ready.')  # into the open turn
    rig.unit()
    assert not rig.session.given
    rig.worker.announce('Dinner is ready.')
    rig.worker.reset()
    rig.unit()
    assert not any(outcome.result.given_words for outcome in rig.outcomes)
    rig.worker.announce('Dinner is ready.')
    rig.unit()
    assert rig.outcomes[-1].result.given_words


def test_without_unasked_turns_an_announcement_is_said_all_the_same(make_rig):
    rig = make_rig()
    rig.worker.begin_rule.unasked_turns = False
    rig.unit(speech_fraction=0.0)
    assert [unit.force_listen for unit in rig.session.units] == [True]
    rig.worker.announce('Dinner is ready.')
    rig.unit(speech_fraction=0.0)
    assert rig.outcomes[-1].result.given_words
    assert [unit.force_listen for unit in rig.session.units] == [True, False]


def test_a_sentence_that_cannot_be_said_costs_no_unit(make_rig):
    rig = make_rig()
    rig.session.say = refuse
    rig.worker.announce('<|im_end|>')
    rig.unit()
    assert 'not said' in rig.worker.state.last_error and not rig.worker.state.rejected


def test_without_the_camera_no_picture_reaches_model_or_outcome(make_rig):
    rig = make_rig()
    rig.worker.camera = False
    rig.unit(images=(b'not even looked at',))
    assert rig.session.units[0].images == ()
    assert rig.outcomes[0].unit.images == ()
