# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the model says unasked becomes an event when its answers agree."""

import math

import pytest
from std_msgs.msg import Bool

from benchmarks.proactive_simulation.loopback import BEGIN, Loopback, LoopbackNode, VirtualClock
from minicpmo_ros.msg import ProactiveEvent, WatchAnswer, WatchCommand
from minicpmo_ros.stamp import time_message
from minicpmo_ros.watch.confirmations import CRITICAL_REPORT_SECONDS
from minicpmo_ros.watch.event_component import EventComponent
from minicpmo_ros.watch.event_message import watch_message
from minicpmo_ros.watch.held_report import (
    CRITICAL_SECONDS,
    LONGEST_DOUBT_SECONDS,
    UNANSWERED_SECONDS,
)
from minicpmo_ros.watch.parameter_set import EventParameters
from minicpmo_ros.watch.watch import Severity, Watch

LAMP = Watch('lamp', 'the lamp goes off', reports=('the lamp went off',))
FALL = Watch(
    'fall', 'somebody has fallen', severity=Severity.CRITICAL, reports=('someone has fallen',)
)


class Home:
    """The events node's components, a model that can be asked, and who reads the events."""

    def __init__(self, folder, supported=True, **given):
        self.clock = VirtualClock()
        self.loopback = Loopback(self.clock)
        self.loopback.publish('questions_supported', Bool(data=supported), latched=True)
        parameters = EventParameters(
            watches_file='', data_folder=str(folder), time_zone='UTC', **given
        )
        node = LoopbackNode('events_node', self.loopback)
        self.component = EventComponent(node, lambda: parameters, [], self.clock)
        for watch in (LAMP, FALL):
            self.publish('watch_command', WatchCommand(watch=watch_message(watch)))
        self.events, self.said = [], []
        self.loopback.subscribe('events', self.read)
        self.loopback.subscribe('announcement', lambda message: self.said.append(message.text))

    def publish(self, topic, message):
        self.loopback.publish(topic, message)

    def read(self, message):
        if message.watch_id:
            self.events.append(message)

    def report(self, text='The lamp went off.', turn=7):
        for kind in (ProactiveEvent.OPENED, ProactiveEvent.CLOSED):
            self.publish(
                'events',
                ProactiveEvent(
                    event_id=f'turn-{turn}', type=kind, text=text, spoken=True, turn_id=turn
                ),
            )

    def answer(self, probability, watch='lamp'):
        self.pass_time(1.0)
        seen = time_message(round((BEGIN + self.clock()) * 1e9))
        self.publish(
            'watch_answer',
            WatchAnswer(watch_id=watch, probability=probability, evidence_end=seen),
        )

    def pass_time(self, seconds):
        self.clock.advance_to(self.clock() + seconds)
        self.component.tick(BEGIN + self.clock(), self.clock())

    def opened(self):
        return [e for e in self.events if e.type == ProactiveEvent.OPENED]


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    yield home
    home.component.close()


def test_one_yes_confirms_a_report_and_nobody_says_it_again(home):
    home.report()
    assert not home.opened()
    home.answer(0.95)
    (event,) = home.opened()
    assert (event.watch_id, event.origin, event.spoken) == ('lamp', ProactiveEvent.MODEL, True)
    assert event.turn_id == 7 and event.confidence == pytest.approx((0.7 + 0.95) / 2)
    home.pass_time(30.0)
    assert not home.said


def test_a_watch_that_was_reported_is_asked_about_first(home):
    asked = []
    home.loopback.subscribe('watch_question', lambda message: asked.append(message.watch_id))
    home.report()
    home.component.watch.unit_done(100, True, BEGIN + home.clock(), home.clock())
    assert asked[0] == 'lamp'


def test_two_denials_refuse_a_report_which_is_kept_as_a_remark(home):
    home.report()
    home.answer(0.1)
    home.answer(0.1)
    home.pass_time(60.0)
    assert not home.opened()
    rows = home.component.store.records()
    assert [(r.happening.watch_id, r.happening.text) for r in rows] == [('', 'The lamp went off.')]


def test_a_report_that_is_repeated_is_one_event_or_one_remark(home):
    for turn in (7, 8):
        home.report(turn=turn)
        home.answer(0.1)
    home.pass_time(60.0)
    assert not home.opened()
    assert [r.happening.text for r in home.component.store.records()] == ['The lamp went off.']
    home.report(turn=9)
    home.answer(0.5)
    home.report(turn=10)
    for _ in range(4):
        home.answer(0.95)
    assert [e.turn_id for e in home.opened()] == [9]
    assert len(home.component.store.records()) == 2


def test_one_wrong_no_does_not_refuse_it(home):
    home.report()
    home.answer(0.1)
    home.answer(0.9)
    assert not home.opened()
    home.answer(0.9)
    assert [e.watch_id for e in home.opened()] == ['lamp']


def test_a_suspicion_that_was_there_already_confirms_at_once(home):
    home.answer(0.9)
    home.report()
    assert [e.watch_id for e in home.opened()] == ['lamp']


def test_a_critical_report_is_believed_after_a_yes(home):
    home.report('Someone has fallen.')
    assert not home.opened()
    home.answer(0.9, 'fall')
    assert [e.watch_id for e in home.opened()] == ['fall']


def test_an_unsure_answer_and_a_no_refuse_a_critical_report(home):
    home.report('Someone has fallen.')
    for answer in (0.5, 0.1, 0.1):
        home.answer(answer, 'fall')
    home.pass_time(60.0)
    assert not home.opened()
    assert [r.happening.text for r in home.component.store.records()] == ['Someone has fallen.']


def test_a_critical_report_waits_for_two_unsure_answers_and_its_end_comes_by_answers(home):
    home.report('Someone has fallen.', turn=7)
    home.answer(0.5, 'fall')
    assert not home.opened()
    home.answer(0.5, 'fall')
    (event,) = home.opened()
    assert (event.watch_id, event.origin, event.turn_id) == ('fall', ProactiveEvent.MODEL, 7)
    home.report('Someone has fallen.', turn=8)
    for _ in range(3):
        home.answer(0.9, 'fall')
        home.answer(0.5, 'fall')
    home.answer(0.1, 'fall')
    assert len(home.opened()) == 1 and home.events[-1].type != ProactiveEvent.CLOSED
    home.answer(0.1, 'fall')
    assert len(home.opened()) == 1 and home.events[-1].type == ProactiveEvent.CLOSED


def test_a_critical_report_that_is_denied_at_first_is_no_event_and_kept_as_a_remark(home):
    home.report('Someone has fallen.')
    home.answer(0.1, 'fall')
    home.answer(0.5, 'fall')
    home.answer(0.1, 'fall')
    home.pass_time(60.0)
    assert not home.opened()
    assert [r.happening.text for r in home.component.store.records()] == ['Someone has fallen.']


def test_a_critical_report_that_is_denied_later_is_over_but_wants_acknowledgement(home):
    home.report('Someone has fallen.')
    for answer in (0.5, 0.5, 0.1, 0.1):
        home.answer(answer, 'fall')
    assert [e.type for e in home.events] == [ProactiveEvent.OPENED, ProactiveEvent.CLOSED]
    assert home.events[-1].acknowledgement_required and not home.events[-1].acknowledged


def _refuse_fall(home, turn):
    home.report('Someone has fallen.', turn)
    home.answer(0.1, 'fall')
    home.answer(0.1, 'fall')
    home.answer(0.1, 'fall')
    assert not home.opened()


@pytest.mark.parametrize(('refusals', 'needed'), [(0, 1), (1, 2), (2, 3), (5, 3)])
def test_the_more_falls_were_denied_the_surer_the_next_has_to_be(home, refusals, needed):
    for turn in range(refusals):
        _refuse_fall(home, turn + 10)
        home.pass_time(30.0)
    home.report('Someone has fallen.', turn=9)
    for _ in range(needed):
        assert not home.opened()
        home.answer(0.95, 'fall')
    assert [e.turn_id for e in home.opened()] == [9]


def test_unsure_answers_leave_a_fall_standing_later_when_others_were_denied(home):
    _refuse_fall(home, 10)
    home.report('Someone has fallen.', turn=11)
    home.answer(0.5, 'fall')
    home.answer(0.5, 'fall')
    assert not home.opened()
    home.answer(0.5, 'fall')
    assert [e.turn_id for e in home.opened()] == [11]


def test_after_a_denied_fall_one_yes_that_is_not_repeated_is_none(home):
    _refuse_fall(home, 10)
    home.report('Someone has fallen.', turn=11)
    for answer in (0.9, 0.1, 0.1):
        home.answer(answer, 'fall')
    home.pass_time(60.0)
    assert not home.opened()


def test_denied_falls_are_forgotten_after_a_while(home):
    _refuse_fall(home, 10)
    for _ in range(round(CRITICAL_REPORT_SECONDS)):
        home.answer(0.1, 'fall')
    home.report('Someone has fallen.', turn=11)
    home.answer(0.9, 'fall')
    assert [e.turn_id for e in home.opened()] == [11]


def test_a_critical_report_that_nobody_answers_about_is_believed_soon(home):
    home.report('Someone has fallen.')
    home.pass_time(CRITICAL_SECONDS - 0.1)
    assert not home.opened()
    home.pass_time(0.2)
    assert [e.watch_id for e in home.opened()] == ['fall']


def test_one_wrong_no_does_not_refuse_a_critical_report(home):
    home.report('Someone has fallen.')
    home.answer(0.1, 'fall')
    home.answer(0.95, 'fall')
    assert not home.opened()
    home.answer(0.95, 'fall')
    assert [e.watch_id for e in home.opened()] == ['fall']


def test_a_report_about_what_is_known_does_not_end_it(home):
    home.answer(0.9)
    home.answer(0.9)
    home.report()
    assert [e.type for e in home.events].count(ProactiveEvent.CLOSED) == 0
    home.answer(0.1)
    home.answer(0.1)
    assert [e.type for e in home.events].count(ProactiveEvent.CLOSED) == 1


def test_without_answers_the_model_is_believed_after_a_while(home):
    home.report()
    home.answer(math.nan)
    home.pass_time(UNANSWERED_SECONDS - 1.5)
    assert not home.opened()
    home.pass_time(1.0)
    assert [e.watch_id for e in home.opened()] == ['lamp']
    assert home.events[-1].type == ProactiveEvent.CLOSED


def test_a_doubt_does_not_last(home):
    home.report()
    home.answer(0.1)
    home.pass_time(LONGEST_DOUBT_SECONDS)
    home.answer(0.9)
    home.answer(0.9)
    (event,) = home.opened()
    assert event.origin == ProactiveEvent.WATCH and not event.spoken


@pytest.mark.parametrize('given', [{'supported': False}, {'questions_per_unit': 0}])
def test_a_model_that_is_not_asked_is_believed(tmp_path, given):
    home = Home(tmp_path, **given)
    home.report()
    assert [e.watch_id for e in home.opened()] == ['lamp']
    home.component.close()


def test_a_watch_that_is_cancelled_meanwhile_leaves_the_remark(home):
    home.report()
    home.publish('watch_command', WatchCommand(command=2, watch=watch_message(LAMP)))
    home.answer(0.9)
    assert not home.opened()
    assert len(home.component.store.records()) == 1


def test_words_that_come_before_their_event_are_held_too(home):
    home.component.robot_said(7, 0, 'The lamp went off.', last=True)
    home.report()
    home.answer(0.1)
    home.answer(0.1)
    assert not home.opened()
    assert [r.happening.text for r in home.component.store.records()] == ['The lamp went off.']


def test_a_watch_whose_answers_waver_is_named_and_tells_nothing_until_they_settle(home):
    for answer in [0.1, 0.5, 0.1, 0.9, 0.4] * 8:
        home.answer(answer)
    begun = len(home.opened())
    assert home.component.status().values['answers waver'] == 'lamp'
    (warning,) = home.loopback.warnings
    assert 'watch lamp' in warning and 'waver' in warning
    home.report()
    for _ in range(3):
        home.answer(0.95)
    home.pass_time(LONGEST_DOUBT_SECONDS)
    assert len(home.opened()) == begun
    assert 'The lamp went off.' in [r.happening.text for r in home.component.store.records()]
    for _ in range(130):
        home.answer(0.95)
    assert len(home.opened()) == begun + 1
    assert 'answers waver' not in home.component.status().values
