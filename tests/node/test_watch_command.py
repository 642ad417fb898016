# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Watches as a person sees them: commands and answers by topic, as the documents say."""

from pathlib import Path
import re
import time

from builtin_interfaces.msg import Time
import pytest
from std_msgs.msg import String
import yaml

from minicpmo_ros import qos
from minicpmo_ros.msg import (
    Watch,
    WatchCommand,
    WatchList,
)

DOCUMENT = Path(__file__).resolve().parents[2] / 'docs' / 'events.md'
DOCUMENTED = re.compile(r'ros2 topic pub --once (\S+) (\S+) \\\n  "(.*)"')


def fill(message, values):
    """Set the fields of a message as ``ros2 topic pub`` does."""
    for name, value in values.items():
        if isinstance(value, dict):
            fill(getattr(message, name), value)
        else:
            setattr(message, name, value)
    return message


def tell(rig, message):
    """Publish a command and return the answer."""
    count = len(rig.lists)
    rig.command.publish(message)
    rig.wait(lambda: len(rig.lists) > count, 'the answer')
    return rig.lists[-1]


def test_the_documented_commands_add_change_and_cancel(make_rig):
    rig = make_rig()
    found = DOCUMENTED.findall(DOCUMENT.read_text(encoding='utf-8'))
    assert [topic for topic, _, _ in found] == ['/minicpmo/watch_command'] * 3
    assert {kind for _, kind, _ in found} == {'minicpmo_ros/msg/WatchCommand'}
    seen = []
    for _, _, text in found:
        answer = tell(rig, fill(WatchCommand(), yaml.safe_load(text)))
        assert answer.accepted, answer.reason
        seen.append([(w.id, w.zone) for w in answer.watches][2:])
    assert seen == [[('the-post-comes', 'hall')], [('the-post-comes', 'garden')], []]


def test_the_list_comes_to_readers_that_come_late(make_rig):
    rig = make_rig()
    tell(rig, WatchCommand(watch=Watch(text='a cat', cooldown=-1.0)))
    late = rig.harness.collect(WatchList, 'watches', qos.STATE)
    rig.wait(lambda: late, 'the latched list')
    assert [w.id for w in late[-1].watches] == ['pot', 'fall', 'a-cat']


def test_thousands_of_watches_are_answered_with_the_limit(make_rig):
    rig = make_rig(max_watches=5)
    for number in range(2000):
        watch = Watch(text=f'lamp {number} goes off', cooldown=-1.0)
        rig.node._events.watch._on_command(WatchCommand(watch=watch))
    answer = tell(rig, WatchCommand(watch=Watch(text='one more', cooldown=-1.0)))
    assert not answer.accepted and 'there are 5 watches already' in answer.reason
    assert len(answer.watches) == 5


def test_a_clock_that_is_set_moves_reminders_and_is_published(make_rig):
    rig = make_rig()
    answer = tell(
        rig, WatchCommand(watch=Watch(text='tea', kind=Watch.TIME, when='in ten minutes'))
    )
    due, count = answer.watches[-1].due.sec, len(rig.lists)
    component, wall = rig.node._events.watch, time.time()
    component.tick(wall, 1000.0)
    component.tick(wall + 3601.0, 1001.0)  # an hour ahead within a second
    rig.wait(lambda: len(rig.lists) > count, 'the list')
    moved = rig.lists[-1].watches[-1]
    assert moved.text == 'tea' and abs(moved.due.sec - due - 3600) <= 1
    assert not rig.opened()


@pytest.mark.parametrize(
    ('command', 'given', 'reason'),
    [
        (WatchCommand.ADD, {'id': 'pot', 'text': 'the pot burns'}, 'watch pot exists; change or'),
        (WatchCommand.ADD, {'text': 'the pot boils', 'zone': 'kitchen'}, 'pot waits for the same'),
        (WatchCommand.ADD, {'text': 'a cat', 'expires': Time(sec=-5)}, 'expires lies'),
        (
            WatchCommand.ADD,
            {'text': 'tea', 'kind': Watch.TIME, 'when': 'at six', 'due': Time(sec=9)},
            'leave it out and say the time in when',
        ),
        (WatchCommand.ADD, {'text': 'a cat', 'times': ['22:00-06:00']}, 'could never be said'),
        (WatchCommand.CHANGE, {'id': 'cat', 'text': 'a cat'}, 'no watch cat; known: pot, fall'),
        (WatchCommand.CANCEL, {'text': 'the pot boils'}, 'give the id of the watch'),
        (WatchCommand.CANCEL, {'id': 'cat'}, 'no watch cat'),
        (7, {'id': 'pot'}, 'command 7 is unknown'),
    ],
)
def test_contradictory_commands_are_refused_on_the_topic(make_rig, command, given, reason):
    rig = make_rig(quiet_hours=['21:00-07:00'])
    watch = Watch(cooldown=-1.0, severity=Watch.NOTICE)
    for name, value in given.items():
        setattr(watch, name, value)
    count = len(rig.lists)
    rig.command.publish(WatchCommand(command=command, watch=watch))
    rig.wait(lambda: len(rig.lists) > count, 'the answer')
    assert not rig.lists[-1].accepted and reason in rig.lists[-1].reason
    assert [w.id for w in rig.lists[-1].watches] == ['pot', 'fall']


def test_a_change_replaces_the_whole_watch(make_rig):
    rig = make_rig()
    changed = rig.lists[-1].watches[0]
    changed.zone, changed.cooldown = 'cellar', 7.0
    rig.command.publish(WatchCommand(command=WatchCommand.CHANGE, watch=changed))
    rig.wait(lambda: rig.lists[-1].watches[0].cooldown == 7.0, 'the change')
    assert rig.lists[-1].accepted and rig.lists[-1].watches[0] == changed


def test_one_wish_is_not_taken_with_its_opposite(make_rig):
    rig = make_rig()
    rig.user_text.publish(
        String(data='Tell me when the door opens. Stop watching for the door opens.')
    )
    rig.wait(lambda: not rig.lists[-1].accepted, 'the refusal')
    assert 'asked for and called off' in rig.lists[-1].reason
    rig.wait(lambda: rig.notes, 'the answer to the person')
    assert [w.id for w in rig.lists[-1].watches] == ['pot', 'fall']
