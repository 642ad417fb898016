# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What other nodes and the model report, by hand and without DDS."""

import pytest

from benchmarks.proactive_simulation.loopback import BEGIN, Loopback, LoopbackNode, VirtualClock
from minicpmo_ros.msg import ProactiveEvent
from minicpmo_ros.watch.report_component import MOST_OUTSIDE, ReportComponent, ReportListeners
from minicpmo_ros.watch.watch import Watch

POT = Watch('pot', 'the pot boils', reports=('the pot is boiling [now]',))


class Rig:
    def __init__(self):
        self.happened, self.ended, self.kept, self.dropped = [], [], [], []
        self.instead = []
        self.announcement = -1
        loopback = Loopback(VirtualClock())
        listeners = ReportListeners(
            happens=self.happens,
            completes=lambda watch, picture, spoken: self.instead.append(spoken),
            ends=lambda key, end: self.ended.append((key, end)),
            keep=lambda record, picture: self.kept.append(record),
            drop=self.dropped.append,
            unasked=lambda: None,
            active=lambda: [POT],
            is_announcement=lambda turn: turn == self.announcement,
        )
        self.component = ReportComponent(LoopbackNode('events_node', loopback), listeners)
        self.publish = lambda **given: loopback.publish('events', ProactiveEvent(**given))

    def happens(self, happening, picture, spoken):
        self.happened.append(happening)
        if spoken is not None:
            self.instead.append(spoken)
        return True


@pytest.fixture
def rig():
    return Rig()


def test_a_report_without_times_is_about_now(rig):
    rig.publish(event_id='rule', origin=ProactiveEvent.RULE, kind='smoke', text='smoke')
    assert rig.kept[0].happening.end == pytest.approx(BEGIN)
    assert rig.kept[0].first_seen == pytest.approx(BEGIN)


@pytest.mark.parametrize('words_first', [True, False])
def test_words_and_event_of_a_turn_are_one_report(rig, words_first):
    def words():
        rig.component.robot_said(5, 1, 'The pot is ', last=False)
        rig.component.robot_said(5, 1, 'boiling now.', last=True)

    def event():
        given = {'event_id': 'm', 'text': 'The pot is boiling now.', 'turn_id': 5}
        rig.publish(type=ProactiveEvent.OPENED, **given)
        rig.publish(type=ProactiveEvent.CLOSED, **given)

    for part in (words, event) if words_first else (event, words):
        part()
    assert [h.watch_id for h in rig.happened] == ['pot'] and len(rig.ended) == 1
    assert rig.happened[0].said and not rig.kept
    assert [record.happening.turn_id for record in rig.instead] == [5]


def test_an_announcement_is_no_report(rig):
    rig.announcement = 6
    rig.component.robot_said(6, 1, 'The pot is boiling.', last=True)
    assert not rig.happened


def test_words_of_two_turns_are_not_joined(rig):
    rig.component.robot_said(1, 1, 'The pot is ', last=False)
    rig.component.robot_said(2, 1, 'boiling now.', last=True)
    assert not rig.happened


def test_events_that_are_never_closed_are_forgotten(rig):
    for number in range(MOST_OUTSIDE + 50):
        rig.publish(event_id=f'e{number}', origin=ProactiveEvent.RULE, text='smoke')
    assert len(rig.component._outside) <= MOST_OUTSIDE
