# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions between units: budget, order, and the camera switch."""

import threading
import time

import numpy as np
import pytest

from minicpmo_ros.inference.question_budget import QuestionBudget
from minicpmo_ros.inference.unit_queue import PendingUnit, UnitQueue
from minicpmo_ros.inference.worker import MOST_QUESTIONS, InferenceWorker, WorkerCallbacks
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

    def unit(self, speaking=False, images=()):
        count = len(self.outcomes)
        self.worker.put(PendingUnit(count, SILENCE, 0, 1, 0.0, images, user_speaking=speaking))
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
    rig.worker.ask('pot', 'Does it boil?')
    rig.unit()
    rig.wait(lambda: rig.answers)
    [(watch, probability, unit)] = rig.answers
    assert (watch, probability, unit.index) == ('pot', 0.75, 0)
    assert rig.session.asked == [(1, 'Does it boil?')]


@pytest.mark.parametrize(
    ('script', 'speaking'), [(['say hello'], False), ([], True)], ids=['robot', 'user']
)
def test_nothing_is_asked_while_somebody_speaks(make_rig, script, speaking):
    rig = make_rig(script)
    rig.unit(speaking)
    rig.worker.ask('pot', 'Does it boil?')
    time.sleep(0.2)
    assert not rig.session.asked
    rig.unit()
    rig.wait(lambda: rig.answers)
    assert rig.session.asked == [(2, 'Does it boil?')]


def test_units_go_first_and_newer_questions_replace_older(make_rig):
    rig = make_rig()
    rig.worker.budget.share = 0.0
    rig.unit()
    for number in range(20):
        rig.worker.ask(f'w{number}', 'old?')
    rig.worker.ask('w19', 'new?')
    rig.worker.budget.share = 1.0
    for _ in range(30):
        rig.unit()
    rig.wait(lambda: len(rig.answers) == MOST_QUESTIONS)
    assert [answer[0] for answer in rig.answers] == [f'w{n}' for n in range(12, 20)]
    assert rig.session.asked[-1][1] == 'new?'


def test_without_the_camera_no_picture_reaches_model_or_outcome(make_rig):
    rig = make_rig()
    rig.worker.camera = False
    rig.unit(images=(b'not even looked at',))
    assert rig.session.units[0].images == ()
    assert rig.outcomes[0].unit.images == ()
