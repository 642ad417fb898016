# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Watches: validity, lists, files, stores."""

from dataclasses import replace
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from minicpmo_ros.errors import LocatedError, WatchError
from minicpmo_ros.watch.condition import condition_of
from minicpmo_ros.watch.schedule import Schedule
from minicpmo_ros.watch.watch import Severity, Watch, WatchKind, id_from
from minicpmo_ros.watch.watch_file import load_watch_file, parse_watches
from minicpmo_ros.watch.watch_list import WatchList
from minicpmo_ros.watch.watch_store import StoredState, WatchStore

CONFIG = Path(__file__).resolve().parents[2] / 'config' / 'watches.yaml'
POT = Watch('pot', 'the pot boils', zone='kitchen', severity=Severity.WARNING)
NOW = 1_700_000_000.0


def reminder(name='tea', when='in ten minutes', **given):
    return Watch(name, 'the tea is ready', kind=WatchKind.TIME, when=when, **given)


@pytest.fixture
def watches():
    return WatchList(ZoneInfo('Europe/Berlin'))


@pytest.mark.parametrize(
    ('given', 'reason'),
    [
        ({'id': ''}, 'id'),
        ({'id': '../etc'}, 'id'),
        ({'text': ' .!'}, 'empty'),
        ({'text': 'x' * 201}, 'characters'),
        ({'cooldown': -1.0}, 'cooldown'),
        ({'kind': WatchKind.TIME}, 'needs when'),
        ({'when': 'at six'}, 'belongs to reminders'),
        ({'kind': WatchKind.TIME, 'when': 'some day'}, 'not understood'),
        (
            {
                'kind': WatchKind.TIME,
                'when': 'at six',
                'schedule': Schedule(times=('08:00-09:00',)),
            },
            'stand in when',
        ),
        ({'severity': Severity.CRITICAL, 'silent': True}, 'contradict'),
    ],
)
def test_empty_and_contradictory_watches_are_refused(given, reason):
    with pytest.raises(WatchError, match=reason):
        Watch(**{'id': 'a', 'text': 'the door opens', **given})


def test_requests_become_conditions_and_ids():
    assert condition_of('Tell me when the pot  boils.') == 'the pot boils'
    assert condition_of('the door opens') == 'the door opens'
    assert id_from('The pot boils!') == 'the-pot-boils'
    assert id_from('水') == 'watch'


def test_the_model_may_report_a_watch_in_its_own_words():
    pot = replace(POT, reports=('the pot (boils|is boiling)',))
    assert pot.is_reported_by('Oh. The pot is boiling now.')
    assert not pot.is_reported_by('The pot is')
    assert not pot.is_reported_by('Tell me when the pot boils')
    assert not POT.is_reported_by('The pot boils.')
    with pytest.raises(WatchError, match='not closed'):
        replace(POT, reports=('the pot (boils',))


def test_the_reports_of_the_shipped_file_fit_what_nano_says():
    watches = {watch.id: watch for watch in load_watch_file(CONFIG)}
    said = {'fall': 'Alert, someone has fallen!', 'pot': 'The pot is boiling now.'}
    assert all(watches[name].is_reported_by(text) for name, text in said.items())


def test_a_watch_can_be_added_changed_and_cancelled(watches):
    watches.add(POT, NOW)
    watches.change(replace(POT, zone='cellar'), NOW)
    assert watches.get('pot').zone == 'cellar'
    assert [w.id for w in watches.cancel('pot')] == ['pot']
    assert not watches.all()


def test_commands_that_make_no_sense_are_refused_with_a_reason(watches):
    watches.add(POT, NOW)
    with pytest.raises(WatchError, match='exists'):
        watches.add(POT, NOW)
    with pytest.raises(WatchError, match='says the same'):
        watches.add(replace(POT, id='again'), NOW)
    with pytest.raises(WatchError, match='no watch door; known: pot'):
        watches.cancel('door')
    with pytest.raises(WatchError, match='no watch door'):
        watches.change(replace(POT, id='door'), NOW)
    with pytest.raises(WatchError, match='over already'):
        watches.add(Watch('old', 'a cat comes', expires=NOW - 1), NOW)
    with pytest.raises(WatchError, match='expires before'):
        watches.add(reminder(expires=NOW + 60), NOW)


def test_thousands_of_watches_meet_a_clear_limit(watches):
    refused = 0
    for index in range(3000):
        try:
            watches.add(Watch(f'w{index}', f'lamp {index} goes off'), NOW)
        except WatchError as error:
            assert 'there are 100 watches already' in str(error)
            refused += 1
    assert (len(watches), refused) == (100, 2900)


def test_watches_end_and_follow_their_schedule(watches):
    watches.add(Watch('night', 'the door opens', schedule=Schedule(('22:00-06:30',))), NOW)
    watches.add(replace(POT, expires=NOW + 10), NOW)
    assert [w.id for w in watches.active_events(NOW)] == ['night', 'pot']  # it is 23:13 in Berlin
    assert [w.id for w in watches.active_events(NOW + 12 * 3600)] == ['pot']
    assert [w.id for w in watches.take_expired(NOW + 10)] == ['pot']


def test_reminders_come_once_and_daily_ones_stay(watches):
    watches.add(reminder(), NOW)
    watches.add(reminder('pill', 'every day at 7:30'), NOW)
    assert not watches.take_due(NOW + 599)
    assert [(d.watch.id, d.late) for d in watches.take_due(NOW + 601)] == [('tea', 1.0)]
    first = watches.get('pill').due
    assert [d.watch.id for d in watches.take_due(first)] == ['pill']
    assert watches.get('pill').due == first + 86400
    assert [w.id for w in watches.all()] == ['pill']


def test_relative_reminders_keep_their_distance_when_the_clock_is_set(watches):
    watches.add(reminder(), NOW)
    watches.move_clock(3600.0, NOW + 3660.0)
    assert not watches.take_due(NOW + 3660.0 + 530)
    assert watches.take_due(NOW + 3600.0 + 600.0)


def test_daily_reminder_comes_again_when_the_clock_is_set_back(watches):
    watches.add(reminder('pill', 'every day at 7:30'), NOW)
    due = watches.get('pill').due
    assert watches.take_due(due)
    watches.move_clock(-7200.0, due - 7200.0)
    assert watches.get('pill').due == due


def test_shipped_file_is_valid():
    watches = {w.id: w for w in load_watch_file(CONFIG)}
    assert watches['fall'].severity is Severity.CRITICAL
    assert watches['door-at-night'].schedule.times == ('22:00-06:30',)


@pytest.mark.parametrize(
    ('text', 'line'),
    [
        ('watches:\n  a:\n    text: x\n    colour: red\n', 4),
        ('watches:\n  a:\n    text: ""\n', 3),
        ('watches:\n  a:\n    text: x\n  b:\n    text: y\n    severity: loud\n', 6),
        ('watches:\n  a:\n    text: x\n    times: [nine]\n', 3),
        ('watches:\n  a:\n    text: x\n    say: shouted\n', 4),
        ('watches:\n  a:\n    text: x\n    expires: "soon"\n', 4),
        ('watches:\n  a:\n    kind: time\n    text: x\n', 3),
        ('watches: &x\n  a: *x\n', 1),
    ],
)
def test_mistakes_are_reported_with_their_line(text, line):
    with pytest.raises(LocatedError) as caught:
        parse_watches(text)
    assert caught.value.line == line


def test_no_watches_is_a_valid_file():
    assert parse_watches('watches: {}') == []


def test_watches_survive_a_restart(tmp_path, watches):
    stored = watches.add(reminder(expires=NOW + 9999), NOW)
    state = StoredState((POT, stored), ('pot',), camera=False)
    assert WatchStore(tmp_path / 'w.json').save(state)
    assert WatchStore(tmp_path / 'w.json').load() == state


@pytest.mark.parametrize(
    'content',
    [b'', b'{"format": 1', b'\xff\xfe', b'[]', b'{"format":1,"watches":[{}],"known":[]}'],
)
def test_a_damaged_file_is_kept_aside_and_reported(tmp_path, content):
    path = tmp_path / 'w.json'
    path.write_bytes(content)
    store = WatchStore(path)
    assert store.load() == StoredState(camera=False)
    assert 'damaged' in store.problem
    [aside] = tmp_path.glob('w.json.damaged-*')
    assert aside.read_bytes() == content
    assert store.save(StoredState()) and json.loads(path.read_text())['watches'] == []


def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / 'file').write_text('')
    store = WatchStore(tmp_path / 'file' / 'w.json')
    assert not store.save(StoredState())
    assert 'memory only' in store.problem
