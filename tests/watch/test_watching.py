# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Restating, asking in turn, and requests by speech."""

import pytest

from minicpmo_ros.errors import WatchError
from minicpmo_ros.watch.question_round import QuestionRound
from minicpmo_ros.watch.restatement import Restatement
from minicpmo_ros.watch.spoken_request import from_assistant, from_user
from minicpmo_ros.watch.watch import Watch, WatchKind

POT, DOOR = Watch('pot', 'the pot boils'), Watch('door', 'the door opens')


def test_watches_are_stated_at_once_and_then_on_a_schedule():
    restatement = Restatement(period=60.0)
    assert restatement.next_note([POT], 0.0) == 'I will tell you when the pot boils.'
    assert restatement.next_note([POT, DOOR], 1.0) == 'I will tell you when the door opens.'
    assert restatement.next_note([POT, DOOR], 59.0) is None
    assert restatement.next_note([POT, DOOR], 60.0) == 'I will tell you when the pot boils.'


def test_watches_are_stated_again_when_the_window_slides():
    restatement = Restatement(period=60.0)
    restatement.next_note([POT], 0.0)
    restatement.note_context(1000)
    assert restatement.next_note([POT], 1.0) is None
    restatement.note_context(600)
    assert restatement.next_note([POT], 2.0) is not None


def test_cancelled_and_changed_watches_are_told():
    restatement = Restatement()
    restatement.next_note([POT], 0.0)
    changed = Watch('pot', 'the pot is empty')
    assert restatement.next_note([changed], 1.0) == 'I will tell you when the pot is empty.'
    assert restatement.next_note([], 2.0) == 'No longer: I will tell you when the pot is empty.'
    assert restatement.next_note([], 3.0) is None


def test_many_watches_are_stated_in_several_notes():
    watches = [Watch(f'w{i}', f'lamp number {i} goes off') for i in range(30)]
    restatement = Restatement()
    notes = [restatement.next_note(watches, float(second)) for second in range(10)]
    assert all(len(note) <= 400 for note in notes if note)
    joined = ' '.join(filter(None, notes))
    assert all(joined.count(f'lamp number {i} goes') == 1 for i in range(30))


def test_every_watch_gets_its_turn_at_the_pace_of_the_answers():
    watches = [Watch(f'w{i}', f'lamp {i} goes off') for i in range(5)]
    rounds, answered = QuestionRound(per_unit=3), []
    for _ in range(10):
        for watch in rounds.next(watches)[:2]:  # the model has time for two
            rounds.note_answer(watch.id)
            answered.append(watch.id)
    assert answered == ['w0', 'w1', 'w2', 'w3', 'w4'] * 4
    assert rounds.next([]) == []
    assert len(QuestionRound(per_unit=9).next(watches)) == 5


def test_suspicion_is_followed_at_once_and_starves_nobody():
    watches = [Watch(f'w{i}', f'lamp {i} goes off') for i in range(4)]
    rounds, answered = QuestionRound(per_unit=1), []
    doubted = {'w2'}  # answers of w2 alternate: every other one wants to be confirmed
    for _ in range(40):
        [watch] = rounds.next(watches, doubted.__contains__)
        rounds.note_answer(watch.id)
        answered.append(watch.id)
        if watch.id == 'w2':
            doubted ^= {'w2'}
    assert answered[:5] == ['w2', 'w0', 'w1', 'w3', 'w2']
    assert 'w2 w2' in ' '.join(answered)
    assert min(answered.count(f'w{i}') for i in (0, 1, 3)) >= 40 // 5 - 1


@pytest.mark.parametrize(
    ('said', 'text'),
    [
        ('Tell me when the pot boils.', 'the pot boils'),
        ('Please let me know if somebody comes in', 'somebody comes in'),
        ('Robot, could you tell me as soon as a parcel comes?', 'a parcel comes'),
        ('Watch whether the door opens!', 'the door opens'),
    ],
)
def test_watches_by_speech(said, text):
    [request] = from_user(said)
    assert (request.add.text, request.add.kind) == (text, WatchKind.EVENT)


@pytest.mark.parametrize(
    ('said', 'text', 'when'),
    [
        ('Remind me at six.', 'you asked to be reminded', 'at six'),
        ('Remind me to call Anna in ten minutes', 'call Anna', 'in ten minutes'),
        ('Remind me in ten minutes to call Anna', 'call Anna', 'in ten minutes'),
        ('remind me at ten to six to look at the oven', 'look at the oven', 'at ten to six'),
        ('Remind me to look at the oven at six', 'look at the oven', 'at six'),
        ('Remind me every day at 7:30 to take my pill', 'take my pill', 'every day at 7:30'),
        ('Remind me tomorrow at 8 am that school begins', 'school begins', 'tomorrow at 8 am'),
    ],
)
def test_reminders_by_speech(said, text, when):
    if ' that ' in said:
        said = said.replace('tomorrow at 8 am that school begins', 'that school begins ' + when)
    [request] = from_user(said)
    assert (request.add.text, request.add.when) == (text, when)
    assert request.add.kind is WatchKind.TIME


def test_a_reminder_without_a_time_is_refused():
    with pytest.raises(WatchError, match='names no time'):
        from_user('Remind me to call Anna')


@pytest.mark.parametrize(
    'said',
    ['', 'Did you tell me when the pot boils', 'He said "tell me when the pot boils"', 'Hello.'],
)
def test_other_words_ask_for_nothing(said):
    assert from_user(said) == []


def test_stopping_by_speech():
    assert from_user('Please stop watching')[0].cancel == ''
    assert from_user('Stop watching for the pot.')[0].cancel == 'the pot'


def test_promises_of_the_assistant_are_kept():
    [request] = from_assistant('I will tell you when the pot boils.')
    assert request.add.text == 'the pot boils'
    assert from_assistant('Okay, I stop watching.')[0].cancel == ''
    assert from_assistant('The pot is boiling now.') == []
