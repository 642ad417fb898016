# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The events node over DDS: watches, reminders, events, the camera switch."""

from array import array
from contextlib import closing
import errno
import io
import json
import os
import sqlite3
import time

from PIL import Image
import pytest
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool, Trigger

from minicpmo_ros.diagnostics import Level
from minicpmo_ros.msg import (
    DuplexState,
    EventCommand,
    OmniUnit,
    ProactiveEvent,
    TextDelta,
    UnitReport,
    UserSpeech,
    Watch,
    WatchCommand,
)
from minicpmo_ros.watch import watch_component, watch_store
from tests.node.event_rig import jpeg


def test_watches_can_be_added_changed_and_cancelled(make_rig):
    rig = make_rig()
    assert [w.id for w in rig.lists[-1].watches] == ['pot', 'fall']
    added = rig.add(text='Tell me when the door opens.', zone='hall')
    assert (added.accepted, added.watches[-1].text) == (True, 'the door opens')
    refused = rig.add(text=' ')
    assert not refused.accepted and 'empty' in refused.reason
    count = len(rig.lists)
    rig.command.publish(WatchCommand(command=WatchCommand.CANCEL, watch=Watch(id='pot')))
    rig.wait(lambda: len(rig.lists) > count, 'the list')
    assert [w.id for w in rig.lists[-1].watches] == ['fall', 'the-door-opens']


def test_watches_survive_a_restart_and_cancelled_ones_stay_away(make_rig):
    rig = make_rig()
    rig.add(text='a parcel comes')
    rig.command.publish(WatchCommand(command=WatchCommand.CANCEL, watch=Watch(id='pot')))
    rig.wait(lambda: len(rig.lists[-1].watches) == 2, 'the list')
    stored = json.loads((rig.node._events.watch.store.path).read_text())
    assert [w['id'] for w in stored['watches']] == ['fall', 'a-parcel-comes']
    again = make_rig()
    assert [w.id for w in again.lists[-1].watches] == ['fall', 'a-parcel-comes']


def test_a_full_disk_is_reported_and_the_watch_is_written_later(make_rig, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    rig = make_rig()
    events = rig.node._events
    path = events.watch.store.path
    before = path.read_bytes()
    monkeypatch.setattr(watch_component, 'RETRY_SECONDS', 0.0)
    with monkeypatch.context() as disk:
        disk.setattr(watch_store.os, 'fsync', full)
        added = rig.add(text='a parcel comes')
        assert [w.id for w in added.watches] == ['pot', 'fall', 'a-parcel-comes']
        status = events.status()
        assert status.level is Level.WARN and 'No space left' in status.message
        assert path.read_bytes() == before
    rig.wait(lambda: events.status().level is Level.OK, 'the disk')
    assert [w['id'] for w in json.loads(path.read_text())['watches']][-1] == 'a-parcel-comes'


def test_a_confirmed_answer_becomes_one_event_with_a_coarse_picture(make_rig):
    rig = make_rig()
    rig.model_listens()
    unit = OmniUnit(images=[CompressedImage(format='jpeg', data=array('B', jpeg()))])
    rig.unit.publish(unit)
    rig.wait(lambda: rig.node._events._picture, 'the picture')
    rig.yes('pot', times=1)
    rig.yes('pot', 0.1, times=1)
    rig.yes('pot', times=4)
    rig.wait(rig.opened, 'the event')
    rig.yes('pot', 0.1, times=3)
    rig.wait(lambda: any(e.type == ProactiveEvent.CLOSED for e in rig.events), 'its end')
    [event] = rig.opened()
    assert (event.kind, event.zone, event.severity) == ('pot', 'kitchen', ProactiveEvent.WARNING)
    assert event.origin == ProactiveEvent.WATCH and event.confidence == pytest.approx(0.9)
    picture = Image.open(io.BytesIO(bytes(event.snapshot.data)))
    assert picture.size == (320, 240) and len(event.snapshot_sha256) == 64
    assert bytes(event.snapshot.data) != bytes(unit.images[0].data)


def test_the_model_is_asked_and_told_only_when_it_can_be(make_rig):
    rig = make_rig()
    rig.report.publish(UnitReport(context_tokens=100))
    rig.wait(lambda: rig.node._events.watch._restatement._tokens == 100, 'the unit')
    rig.supported.publish(Bool(data=True))
    rig.wait(lambda: rig.node._events.watch.asks, 'the support')
    assert not rig.questions and not rig.notes
    rig.report.publish(UnitReport(context_tokens=200))
    rig.wait(lambda: rig.questions and rig.notes, 'question and restatement')
    assert 'I will tell you when the pot boils.' in rig.notes[0].text
    assert rig.questions[0].watch_id == 'pot' and rig.questions[0].question.endswith(
        'the pot is boiling in the kitchen?'
    )


@pytest.mark.parametrize('style', ['exact', 'own_words'])
def test_an_event_is_said_in_a_pause_and_then_counts_as_spoken(make_rig, style):
    rig = make_rig(announcement_pause=0.5, announcement_style=style)
    rig.model_listens()
    rig.user.publish(UserSpeech(active=True))
    rig.wait(lambda: rig.node._events.room._user_speaking, 'the user')
    rig.yes('pot')
    rig.wait(rig.opened, 'the event')
    said = rig.announcements
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        rig.user.publish(UserSpeech(active=True))
        rig.state.publish(DuplexState(state=DuplexState.LISTENING))
        time.sleep(0.05)
    assert not said
    rig.user.publish(UserSpeech(active=False))
    rig.keep_listening_until(lambda: said, 'the announcement')
    assert said[0].text == 'The pot is boiling in the kitchen.'
    assert said[0].own_words is (style == 'own_words')
    rig.text.publish(TextDelta(turn_id=3, epoch=2, delta='Look, the pot boils: it is boiling '))
    rig.wait(lambda: any(e.spoken for e in rig.events), 'the spoken event')
    assert (rig.events[-1].turn_id, rig.events[-1].epoch) == (3, 2)


def test_a_reminder_comes_with_the_clock_while_the_model_is_away(make_rig):
    rig = make_rig()
    rig.add(text='call Anna', kind=Watch.TIME, when='in 1 second', silent=False)
    rig.wait(rig.opened, 'the reminder')
    [event] = rig.opened()
    assert (event.text, event.origin) == ('call Anna', ProactiveEvent.REMINDER)
    assert not event.spoken and not rig.announcements
    rig.wait(lambda: rig.events[-1].type == ProactiveEvent.CLOSED, 'its end')
    assert all(w.text != 'call Anna' for w in rig.node._events.watch.watches.all())


def test_requests_by_speech_become_watches(make_rig):
    rig = make_rig()
    rig.user_text.publish(String(data='Remind me to call Anna in ten minutes.'))
    rig.wait(lambda: len(rig.lists[-1].watches) == 3, 'the reminder')
    reminder = rig.lists[-1].watches[-1]
    assert (reminder.text, reminder.kind) == ('call Anna', Watch.TIME)
    assert reminder.due.sec > time.time() + 500
    rig.user_text.publish(String(data='Remind me some day.'))
    rig.wait(lambda: not rig.lists[-1].accepted, 'the refusal')


def model_event(text, kind, name='m1'):
    return ProactiveEvent(
        event_id=name, kind='spoke_unasked', type=kind, text=text, turn_id=9, spoken=True
    )


def test_what_the_model_says_unasked_is_an_event_of_the_watch_it_reports(make_rig, tmp_path):
    rig = make_rig()
    rig.event.publish(model_event('The pot is', ProactiveEvent.OPENED))
    rig.event.publish(model_event('The pot is boiling now.', ProactiveEvent.CLOSED))
    rig.wait(rig.opened, 'the event')
    [event] = rig.opened()
    assert (event.watch_id, event.origin, event.spoken) == ('pot', ProactiveEvent.MODEL, True)
    rig.event.publish(model_event('What a nice day.', ProactiveEvent.OPENED, 'm2'))
    rig.event.publish(model_event('What a nice day.', ProactiveEvent.CLOSED, 'm2'))
    database = tmp_path / 'data' / 'events.db'
    rig.wait(lambda: sorted(_ids(database)) == sorted([event.event_id, 'm2']), 'the stored events')


def test_an_answer_that_tells_what_a_watch_waits_for_is_one_event(make_rig):
    rig = make_rig()
    rig.text.publish(TextDelta(turn_id=4, epoch=1, delta='The pot is '))
    rig.text.publish(TextDelta(turn_id=4, epoch=1, delta='boiling.', last=True))
    rig.wait(rig.opened, 'the event')
    said = ProactiveEvent(
        event_id='m4', type=ProactiveEvent.OPENED, text='The pot is boiling.', turn_id=4
    )
    rig.event.publish(said)
    rig.event.publish(model_event('What a nice day.', ProactiveEvent.OPENED, 'm5'))
    rig.wait(lambda: any(e.event_id == 'm5' for e in rig.events), 'the last message')
    [event] = rig.opened()
    assert (event.watch_id, event.origin, event.spoken) == ('pot', ProactiveEvent.MODEL, True)


def test_critical_events_repeat_until_they_are_acknowledged(make_rig):
    rig = make_rig(repeat_period=5.0)
    rig.yes('fall')
    rig.wait(rig.opened, 'the event')
    assert rig.opened()[0].acknowledgement_required
    rig.wait(lambda: any(e.type == ProactiveEvent.UPDATED for e in rig.events), 'a repetition')
    answer = rig.harness.call(Trigger, 'events_node/acknowledge', Trigger.Request())
    assert answer.success
    rig.wait(lambda: rig.events[-1].acknowledged, 'the acknowledgement')


def test_the_camera_switch_is_honoured_and_remembered(make_rig):
    rig = make_rig()
    rig.model_listens()
    rig.node._events.take_picture(jpeg())
    answer = rig.harness.call(SetBool, 'events_node/camera', SetBool.Request(data=False))
    assert answer.success and answer.message == 'the camera is off'
    rig.wait(lambda: not rig.camera[-1].data and not rig.watching[-1].data, 'the state')
    assert rig.node._events._picture == b''
    rig.report.publish(UnitReport(context_tokens=100))
    rig.yes('pot')
    rig.wait(lambda: rig.notes, 'the unit')
    assert not rig.questions and not rig.opened()
    again = make_rig()
    again.wait(lambda: again.camera, 'the state after a restart')
    assert not again.camera[-1].data


def test_events_can_be_deleted_and_exported(make_rig, tmp_path):
    rig = make_rig()
    rig.yes('pot')
    rig.yes('fall')
    rig.wait(lambda: len(rig.opened()) == 2, 'the events')
    pot = next(e for e in rig.opened() if e.watch_id == 'pot')
    rig.event_command.publish(EventCommand(command=EventCommand.DELETE, event_id=pot.event_id))
    database = tmp_path / 'data' / 'events.db'
    rig.wait(lambda: _ids(database) == [rig.opened()[1].event_id], 'the deletion')
    answer = rig.harness.call(Trigger, 'events_node/export', Trigger.Request())
    assert answer.success
    lines = (tmp_path / 'data' / 'export' / 'events.jsonl').read_text().splitlines()
    assert [json.loads(line)['watch_id'] for line in lines] == ['fall']


def _ids(database):
    time.sleep(0.1)  # a reader without a pause could keep the node from writing
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute('SELECT event_id FROM event')]


def test_wrong_parameters_are_refused_with_a_reason(make_rig):
    rig = make_rig()
    [result] = rig.node.set_parameters([Parameter('quiet_hours', value=['nine'])])
    assert not result.successful and 'quiet_hours' in result.reason
    [result] = rig.node.set_parameters([Parameter('confirm_needed', value=4)])
    assert not result.successful and 'confirm_window larger' in result.reason
