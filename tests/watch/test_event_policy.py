# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""When something becomes an event, and when it may be said."""

from dataclasses import replace
from itertools import count
import math

import pytest

from minicpmo_ros.watch.announcement import (
    TABLE,
    AnnouncementOptions,
    Candidate,
    Decision,
    Room,
    decide,
)
from minicpmo_ros.watch.confirmation import Confirmation
from minicpmo_ros.watch.event_policy import EventPolicy, PublishCommand, SpeakCommand
from minicpmo_ros.watch.event_record import EventRecord, EventType, Happening
from minicpmo_ros.watch.watch import COOLDOWN, Severity

QUIET = Room()
POT = Happening(
    'pot', 'the pot boils', 100.0, 101.0, 'pot', 'kitchen', Severity.WARNING, cooldown=60.0
)
FALL = replace(
    POT, label='fall', text='somebody has fallen', watch_id='fall', severity=Severity.CRITICAL,
    cooldown=0.0,
)  # fmt: skip


@pytest.fixture
def policy():
    numbers = count(1)
    return EventPolicy(lambda: f'e{next(numbers)}')


def types(commands):
    return [c.type.name if isinstance(c, PublishCommand) else 'SPEAK' for c in commands]


ROWS = [
    ('the watch is silent', {'silent': True}, {}, Decision.SILENT),
    ('acknowledged', {'acknowledged': True}, {}, Decision.SILENT),
    ('quiet hours', {}, {'quiet_hours': True}, Decision.SILENT),
    ('said enough this hour', {'said_this_hour': 12}, {}, Decision.SILENT),
    ('no news any more', {'waited': 61.0}, {}, Decision.SILENT),
    ('the model is away', {}, {'engine_ready': False}, Decision.HOLD),
    ('the user speaks', {}, {'user_speaking': True}, Decision.HOLD),
    ('the pause is too short', {}, {'user_silence': 1.4}, Decision.HOLD),
    ('the robot speaks', {}, {'robot_speaking': True}, Decision.HOLD),
    ('just announced something', {'since_last': 4.9}, {}, Decision.HOLD),
    ('nobody speaks', {}, {}, Decision.SPEAK),
]


@pytest.mark.parametrize(('name', 'candidate', 'room', 'decision'), ROWS)
def test_every_row_of_the_table(name, candidate, room, decision):
    given = Candidate(Severity.WARNING, **candidate)
    assert decide(given, Room(**room), AnnouncementOptions()) == (decision, name)


def test_the_table_has_no_other_rows():
    assert [row[0] for row in ROWS] == [row[0] for row in TABLE]


@pytest.mark.parametrize(
    ('candidate', 'room'),
    [({'said_this_hour': 99}, {}), ({'waited': 999.0}, {}), ({}, {'quiet_hours': True})],
)
def test_critical_events_are_said_nevertheless(candidate, room):
    given = Candidate(Severity.CRITICAL, **candidate)
    assert decide(given, Room(**room), AnnouncementOptions())[0] is Decision.SPEAK


@pytest.mark.parametrize(
    'room', [{'user_speaking': True}, {'user_silence': 0.0}, {'robot_speaking': True}]
)
def test_not_even_critical_events_are_spoken_over_somebody(room):
    given = Candidate(Severity.CRITICAL, waited=1e6)
    assert decide(given, Room(**room), AnnouncementOptions())[0] is Decision.HOLD


def test_one_event_per_happening(policy):
    commands = policy.report(POT, 0.0)
    for second in range(1, 40):
        commands += policy.report(POT, float(second))
    commands += policy.close(POT.key, 140.0)
    assert types(commands) == ['OPENED', 'UPDATED', 'UPDATED', 'UPDATED', 'CLOSED']
    assert {command.record.event_id for command in commands} == {'e1'}
    assert commands[-1].record.count == 40
    assert not policy.close(POT.key, 141.0)


@pytest.mark.parametrize('severity', Severity)
def test_cooldown_by_severity(policy, severity):
    happening = replace(POT, severity=severity, cooldown=COOLDOWN[severity])
    policy.report(happening, 0.0)
    policy.close(happening.key, 101.0)
    within = COOLDOWN[severity] - 0.1
    if within > 0:
        assert types(policy.report(happening, within)) == ['UPDATED']
    assert types(policy.report(happening, COOLDOWN[severity])) == ['OPENED']


def test_other_zone_or_label_is_another_event(policy):
    policy.report(POT, 0.0)
    assert types(policy.report(replace(POT, zone='cellar'), 0.0)) == ['OPENED']
    assert types(policy.report(replace(POT, label='lid'), 0.0)) == ['OPENED']


def test_an_event_is_said_once(policy):
    policy.report(POT, 0.0)
    said = [c for second in range(100) for c in policy.tick(QUIET, float(second))]
    assert types(said) == ['SPEAK']


def test_an_event_waits_for_a_pause(policy):
    policy.report(POT, 0.0)
    assert not policy.tick(Room(user_speaking=True, user_silence=0.0), 1.0)
    assert not policy.tick(Room(user_silence=1.0), 2.0)
    assert types(policy.tick(Room(user_silence=2.0), 3.0)) == ['SPEAK']


def test_the_more_severe_is_said_first_and_the_next_one_later(policy):
    policy.report(POT, 0.0)
    policy.report(FALL, 0.5)
    [first] = policy.tick(QUIET, 1.0)
    assert first.record.happening.watch_id == 'fall'
    assert not policy.tick(QUIET, 2.0)
    [second] = policy.tick(QUIET, 6.0)
    assert second.record.happening.watch_id == 'pot'


def test_critical_repeats_until_acknowledged_even_when_it_is_over(policy):
    policy.report(FALL, 0.0)
    policy.close(FALL.key, 105.0)
    said = [t for t in range(100) if 'SPEAK' in types(policy.tick(QUIET, float(t)))]
    assert said == [0, 30, 60, 90]
    assert [c.record.acknowledged for c in policy.acknowledge('e1')] == [True]
    assert not [c for t in range(100, 200) for c in policy.tick(QUIET, float(t))]


def test_acknowledging_something_else_changes_nothing(policy):
    policy.report(FALL, 0.0)
    assert not policy.acknowledge('other')
    assert len(policy.acknowledge('')) == 1
    assert not policy.acknowledge('')


def test_most_announcements_per_hour(policy):
    spoken = 0
    for minute in range(60):
        policy.report(replace(POT, label=f'pot{minute}'), minute * 60.0)
        spoken += types(policy.tick(QUIET, minute * 60.0)).count('SPEAK')
    assert spoken == policy.options.max_proactive_per_hour
    policy.report(replace(POT, label='late'), 3660.0)
    assert types(policy.tick(QUIET, 3660.0)) == ['SPEAK']


def test_what_the_model_said_itself_is_not_said_again(policy):
    policy.report(POT, 0.0)
    [update] = policy.report(replace(POT, said=True), 1.0)
    assert update.record.spoken
    assert not policy.tick(QUIET, 10.0)


def test_cancelling_a_watch_silences_it_at_once(policy):
    policy.report(POT, 0.0)
    assert types(policy.forget_watch('pot', 102.0)) == ['CLOSED']
    assert not policy.tick(QUIET, 1.0)


def test_a_deleted_event_is_not_said_or_repeated(policy):
    policy.report(FALL, 0.0)
    policy.report(POT, 0.0)
    policy.forget('e1')
    assert [record.event_id for record in policy.records()] == ['e2']
    policy.forget('')
    assert not [c for t in range(100) for c in policy.tick(QUIET, float(t))]


def test_what_the_model_says_by_itself_counts(policy):
    for _ in range(12):
        policy.note_said(0.0)
    policy.report(POT, 0.0)
    assert not policy.tick(QUIET, 10.0)


def test_speech_is_noted_in_the_event(policy):
    policy.report(POT, 0.0)
    [command] = policy.tick(QUIET, 0.0)
    assert isinstance(command, SpeakCommand) and not command.record.spoken
    [update] = policy.spoken('e1', 7, 3)
    assert (update.type, update.record.spoken) == (EventType.UPDATED, True)
    assert (update.record.happening.turn_id, update.record.happening.epoch) == (7, 3)
    assert not policy.spoken('unknown', 1, 1)


def test_memory_stays_bounded(policy):
    for index in range(3000):
        policy.report(replace(POT, label=f'x{index}'), 0.0)
    policy.tick(QUIET, 0.0)
    assert len(policy.records()) == 1000


def test_records_survive_being_written_down():
    record = EventRecord('e', replace(POT, confidence=0.5), 100.0, spoken=True)
    assert EventRecord.from_plain(record.plain()) == record
    unknown = EventRecord.from_plain(EventRecord('e', POT, 100.0).plain())
    assert math.isnan(unknown.happening.confidence)


@pytest.mark.parametrize(
    ('answers', 'changes'),
    [
        ([0.9, 0.1, 0.1, 0.9, 0.1], {}),
        ([0.9, 0.9], {1: True}),
        ([0.5, 0.9, 0.8], {2: True}),
        ([0.9, 0.5, 0.8, 0.8], {3: True}),  # not sure at first: three of four
        ([0.9, 0.5, 0.8, 0.5, 0.8, 0.5, 0.8, 0.5], {}),
        ([0.9, 0.5, 0.8, 0.5, 0.8, 0.8], {5: True}),  # and no more than that
        ([0.9, 0.5, 0.8, 0.1, 0.8, 0.8, 0.8], {6: True}),
        ([0.9, 0.9, 0.1, 0.9, 0.9], {1: True}),
        ([0.9, 0.9, 0.1, 0.1], {1: True, 3: False}),
        ([0.9, math.nan, math.nan, 0.9], {3: True}),
        ([0.9, 0.9, 0.5, 0.5, 0.4, 0.6], {1: True}),  # neither yes nor a clear no
        ([0.9, 0.9, 0.1, 0.5, 0.1], {1: True, 4: False}),
        ([0.9, 0.1, 0.9, 0.9], {3: True}),  # after a false start three of four
        ([0.9, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9, 0.9], {}),  # and ever more
        ([0.9, 0.1, 0.9, 0.1, 0.9, 0.9, 0.9], {6: True}),
        ([0.9, 0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.1, 0.9, 0.1, 0.1], {1: True}),  # nor an end
        ([0.9, 0.9, 0.1, 0.9, 0.1, 0.1], {1: True, 5: False}),
        ([0.9, 0.9, 0.1, 0.1, 0.9, 0.9], {1: True, 3: False, 5: True}),
        ([*([0.99, 0.01, 0.01] * 9), *([0.99] * 5)], {}),  # six of seven at most
        ([*([0.99, 0.01, 0.01] * 9), *([0.99] * 6)], {32: True}),
    ],
)
def test_two_of_three_answers_begin_and_end_a_happening(answers, changes):
    confirmation = Confirmation()
    seen = {index: confirmation.update(answer, index) for index, answer in enumerate(answers)}
    assert {index: change for index, change in seen.items() if change is not None} == changes


def test_fewer_answers_may_be_needed():
    confirmation = Confirmation(needed=1, window=3)
    answers = [0.1, 0.1, 0.9, 0.1, 0.1, 0.1]
    changes = [confirmation.update(answer, index) for index, answer in enumerate(answers)]
    assert changes == [None, None, True, None, None, False]


def test_a_hint_and_an_answer_about_the_same_picture_are_one_witness():
    confirmation = Confirmation()
    assert not confirmation.suspect(10.2) and confirmation.in_doubt
    assert confirmation.update(0.99, 10.0) is None
    assert confirmation.update(0.05, 11.0) is None
    confirmation.reset()
    assert not confirmation.suspect(10.2)
    assert confirmation.update(0.99, 10.0) is None
    assert confirmation.update(0.99, 11.0) is True
    confirmation.reset()
    assert not confirmation.suspect(10.2)
    assert confirmation.update(0.99, 11.0) is True


def test_confidence_is_the_mean_of_the_agreeing_answers():
    confirmation = Confirmation()
    assert math.isnan(confirmation.confidence)
    for answer in (0.8, 0.1, 1.0):
        confirmation.update(answer, 0.0)
    assert confirmation.confidence == pytest.approx(0.9)
    confirmation.reset()
    assert not confirmation.confirmed


def test_what_could_not_be_said_is_tried_again_and_counts_once(policy):
    policy.options = replace(policy.options, attempts=3, answer=6.0)
    policy.report(POT, 0.0)
    asked = [s for s in range(60) if 'SPEAK' in types(policy.tick(QUIET, float(s)))]
    assert asked == [0, 6, 12]
    assert len(policy._said) == 1


def test_what_was_said_is_not_said_again(policy):
    policy.options = replace(policy.options, attempts=3)
    policy.report(POT, 0.0)
    assert types(policy.tick(QUIET, 0.0)) == ['SPEAK']
    policy.spoken('e1', 7, 1)
    assert not [c for s in range(1, 60) for c in policy.tick(QUIET, float(s))]


def test_a_second_try_waits_for_a_pause_and_ends_with_the_patience(policy):
    policy.options = replace(policy.options, attempts=9)
    policy.report(POT, 0.0)
    policy.tick(QUIET, 0.0)
    busy = Room(user_speaking=True)
    assert not [c for s in range(1, 30) for c in policy.tick(busy, float(s))]
    assert types(policy.tick(QUIET, 30.0)) == ['SPEAK']
    assert types(policy.tick(QUIET, 61.0)) == []


def test_answers_of_long_ago_confirm_nothing():
    confirmation = Confirmation(memory=60.0)
    assert confirmation.update(0.9, 0.0) is None and confirmation.in_doubt
    assert confirmation.update(0.9, 100.0) is None
    assert confirmation.update(0.9, 101.0) is True and not confirmation.in_doubt
    assert confirmation.update(0.5, 102.0) is None and not confirmation.in_doubt
    assert confirmation.update(0.1, 103.0) is None and confirmation.in_doubt
