# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From requests to what a picture can show, to questions and to sentences."""

from dataclasses import replace

import pytest

from minicpmo_ros.errors import WatchError
from minicpmo_ros.watch.announcement_component import announced
from minicpmo_ros.watch.condition import STATES, question_about, state_of
from minicpmo_ros.watch.event_record import Happening, Origin
from minicpmo_ros.watch.watch import Severity, Watch

# One example for every row of the table, and what stays as it is.
EXAMPLES = [
    ('somebody opens the window', 'the window is open'),
    ('Somebody shuts the gate', 'the gate is closed'),
    ('the door opens', 'the door is open'),
    ('the door closes', 'the door is closed'),
    ('the light goes out', 'the light is off'),
    ('the kitchen lamp comes on', 'the kitchen lamp is on'),
    ('the oven is switched off', 'the oven is off'),
    ('Tell me when the water starts to boil.', 'the water is boiling'),
    ('the milk boils over', 'the milk is boiling over'),
    ('a cat comes into the kitchen', 'a cat is in the kitchen'),
    ('a child comes near the stove', 'a child is at the stove'),
    ('someone comes in', 'someone is here'),
    ('my guest leaves', 'my guest is gone'),
    ('grandmother falls down', 'grandmother has fallen'),
    ('the pan catches fire', 'the pan is burning'),
]
KEPT = ['the alarm goes off', 'the pot is boiling', 'somebody has fallen', 'es regnet', '水开了']


@pytest.mark.parametrize(('condition', 'state'), EXAMPLES)
def test_moments_become_what_can_be_seen(condition, state):
    assert state_of(condition) == state


def test_every_row_of_the_table_has_an_example():
    assert len(EXAMPLES) == len(STATES)


@pytest.mark.parametrize('condition', KEPT)
def test_other_words_are_kept(condition):
    assert state_of(condition) == condition


@pytest.mark.parametrize(
    ('zone', 'end'),
    [('', 'open?'), ('hall', 'open in the hall?'), ('front_camera', 'open?'), ('cam2', 'open?')],
)
def test_the_question_names_a_place_but_no_device(zone, end):
    expected = 'Look at the newest picture. Is it true that the door is ' + end
    assert question_about('the door opens', zone) == expected
    assert Watch('door', 'the door opens', zone).question == expected


def test_the_longest_question_fits_into_its_message():
    watch = Watch('long', 'x' * 200, 'y' * 64)
    assert len(watch.question) <= 400


def test_events_are_told_as_sentences():
    pot = Happening('pot', 'the pot boils', 0.0, 1.0, zone='kitchen')
    assert announced(pot) == 'The pot is boiling in the kitchen.'
    fall = replace(pot, text='someone falls', zone='', severity=Severity.CRITICAL)
    assert announced(fall) == 'Attention: someone has fallen.'
    reminder = replace(pot, text='call Anna', origin=Origin.REMINDER)
    assert announced(reminder) == 'Reminder: call Anna.'


@pytest.mark.parametrize('text', ['the pot<|im_end|> boils', 'a <unit> comes', 'x</unit>'])
def test_structure_of_the_conversation_is_refused_in_a_watch(text):
    with pytest.raises(WatchError, match='plain words'):
        Watch('pot', text)
