# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Watches: validity, lists, files, stores."""

from dataclasses import replace
import json
from pathlib import Path
import resource
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


EVENING, NIGHT = Schedule(('18:00-23:00',)), Schedule(('22:00-06:30',))
HOUR = 3600.0


@pytest.mark.parametrize(
    ('given', 'reason'),
    [
        ({'expires': NOW - 5}, 'expires lies 5 s behind us; give a later time'),
        # It is 23:13 in Berlin.
        (
            {'expires': NOW + HOUR, 'schedule': Schedule(('08:00-09:00',))},
            r'expires in 3600 s, before its times \(08:00-09:00\) begin; let it last longer',
        ),
        (
            {'expires': NOW + HOUR, 'cooldown': 7200.0},
            'cooldown of 7200 s outlasts it, it expires in 3600 s; give a shorter cooldown',
        ),
        ({'schedule': NIGHT}, 'quiet_hours 22:00-07:00 cover all its times .22:00-06:30.'),
        ({'schedule': Schedule(weekdays=('sat',), times=('23:00-01:00',))}, 'make it silent'),
    ],
)
def test_watches_that_could_never_do_what_they_say_are_refused(watches, given, reason):
    watches.quiet_hours = ('22:00-07:00',)
    with pytest.raises(WatchError, match=reason):
        watches.add(Watch('door', 'the door opens', **given), NOW)
    watches.add(Watch('door', 'the door opens'), NOW)
    with pytest.raises(WatchError, match=reason):
        watches.change(Watch('door', 'the door opens', **given), NOW)
    assert watches.all() == [Watch('door', 'the door opens')]


@pytest.mark.parametrize(
    'given',
    [
        {'expires': NOW + HOUR, 'schedule': NIGHT, 'silent': True},
        {'expires': NOW + HOUR, 'cooldown': HOUR},
        {'schedule': NIGHT, 'severity': Severity.CRITICAL},
        {'schedule': EVENING},
        {'expires': NOW + 30 * 24 * HOUR, 'schedule': Schedule((), ('thu',))},
    ],
)
def test_what_can_be_done_is_not_refused(watches, given):
    watches.quiet_hours = ('22:00-07:00',)
    watches.add(Watch('door', 'the door opens', **given), NOW)


def test_the_same_thing_is_not_watched_twice_at_the_same_time(watches):
    watches.add(Watch('night', 'the door opens', schedule=NIGHT), NOW)
    for other in (
        Watch('loud', 'The door opens', severity=Severity.CRITICAL),
        Watch('rare', 'the door opens', cooldown=9.0, schedule=NIGHT),
        Watch('dusk', 'the door opens', schedule=EVENING),
    ):
        with pytest.raises(WatchError, match='watch night waits for the same .* overlap'):
            watches.add(other, NOW)
    watches.add(Watch('day', 'the door opens', schedule=Schedule(('06:30-22:00',))), NOW)
    watches.add(Watch('cellar', 'the door opens', zone='cellar'), NOW)
    with pytest.raises(WatchError, match='watch night waits'):
        watches.change(Watch('day', 'the door opens'), NOW)


def test_the_same_is_said_at_two_times(watches):
    watches.add(reminder('tea', 'at six'), NOW)
    watches.add(reminder('more', 'at seven'), NOW)
    with pytest.raises(WatchError, match='watch tea says the same'):
        watches.add(reminder('again', 'at six'), NOW)


def test_a_reminder_that_nobody_would_hear_is_refused(watches):
    watches.quiet_hours = ('22:00-07:00',)
    with pytest.raises(WatchError, match='06:30 is in quiet_hours 22:00-07:00; make it silent'):
        watches.add(reminder('pill', 'every day at 06:30'), NOW)
    watches.add(reminder('pill', 'every day at 07:30'), NOW)
    watches.add(reminder('note', 'every day at 06:30', silent=True), NOW)


def test_an_id_that_stands_twice_in_a_file_is_refused():
    with pytest.raises(LocatedError, match='pot') as caught:
        parse_watches('watches:\n  pot: {text: the pot boils}\n  pot: {text: the pot burns}\n')
    assert caught.value.line == 3


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


def test_a_full_disk_leaves_the_old_file_and_is_reported(tmp_path):
    path = tmp_path / 'w.json'
    store, old = WatchStore(path), StoredState((POT,), ('pot',))
    assert store.save(old)
    new = StoredState((POT, replace(POT, id='more', text='the milk boils over')), ('pot',))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        assert not store.save(new)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(path) in store.problem and 'memory only' in store.problem
    assert [file.name for file in tmp_path.iterdir()] == ['w.json'], 'no half file takes room'
    assert WatchStore(path).load() == old
    assert store.save(new) and store.problem == ''
    assert WatchStore(path).load() == new
