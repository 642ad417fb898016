# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The inference node with real rclpy over DDS and a scripted backend."""

from array import array
import threading

import pytest
from rclpy.parameter import Parameter
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from minicpmo_ros import qos
from minicpmo_ros.inference_node import InferenceNode
from minicpmo_ros.msg import (
    Announcement,
    ContextNote,
    DuplexState,
    Interruption,
    OmniUnit,
    ProactiveEvent,
    SpeechChunk,
    TextDelta,
    UnitReport,
    UserSpeech,
)
from minicpmo_ros.stamp import duration_message, time_message
from tests.node.node_harness import Harness
from tests.node.scripted_backend import ScriptedBackend

SECOND = 1_000_000_000


def unit(index: int, speech: float = 1.0) -> OmniUnit:
    message = OmniUnit(unit_index=index, sample_rate=16000, speech_fraction=speech)
    message.audio = array('h', bytes(32000))
    message.header.stamp = time_message((100 + index) * SECOND)
    message.audio_end = time_message((101 + index) * SECOND)
    return message


class Rig:
    """An active inference node with everything it publishes."""

    def __init__(self, harness: Harness, node: InferenceNode, backend: ScriptedBackend) -> None:
        self.harness = harness
        self.node = node
        self.backend = backend
        self.speech = harness.collect(SpeechChunk, 'speech', qos.STREAM)
        self.deltas = harness.collect(TextDelta, 'text_delta', qos.STREAM)
        self.text = harness.collect(String, 'text')
        self.events = harness.collect(ProactiveEvent, 'events')
        self.states = harness.collect(DuplexState, 'duplex_state', qos.STATE)
        self.reports = harness.collect(UnitReport, 'unit_report', qos.STREAM)
        self.interruptions = harness.collect(Interruption, 'interruption')
        self._units = harness.publisher(OmniUnit, 'omni_unit', qos.STREAM)
        self.interrupt = harness.publisher(Interruption, 'interruption')
        self.note = harness.publisher(ContextNote, 'context_note')
        harness.wait(self._connected, 'the connections of the node')

    def _connected(self) -> bool:
        listening = any(s.state == DuplexState.LISTENING for s in self.states)
        topics = ('speech', 'text_delta', 'text', 'events', 'unit_report')
        counts = [self.harness.observer.count_publishers(topic) for topic in topics]
        return listening and all(counts)

    @property
    def session(self):
        return self.backend.sessions[-1]

    def send(self, *units: OmniUnit) -> None:
        for message in units:
            self._units.publish(message)

    def run(self, count: int, speech: float = 1.0, first: int = 0) -> None:
        self.send(*(unit(first + i, speech) for i in range(count)))
        wanted = len(self.reports) + count
        self.harness.wait(lambda: len(self.reports) >= wanted, f'{wanted} unit reports')


@pytest.fixture
def make_rig(ros):
    harnesses = []

    def make(script, gate=None, **parameters) -> Rig:
        backend = ScriptedBackend(script, gate)
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        node = InferenceNode(lambda *_: backend, parameter_overrides=overrides)
        harness = Harness(node).__enter__()
        harnesses.append(harness)
        return Rig(harness, node, backend)

    yield make
    for harness in harnesses:
        harness.__exit__()


def test_answer_is_published_as_speech_text_and_reports(make_rig):
    rig = make_rig(['listen', 'say good', 'end morning'])
    rig.run(4)
    rig.harness.wait(lambda: len(rig.speech) == 2 and rig.text, 'speech and text')
    first, second = rig.speech
    assert (first.turn_id, first.epoch, first.index, first.last) == (1, 1, 0, False)
    assert (second.index, second.last, second.offset.sec) == (1, True, 1)
    assert len(first.data) == 2 * 24000 and first.sample_format == 'S16LE'
    assert [d.delta for d in rig.deltas] == ['good ', 'morning ']
    assert rig.text[0].data == 'good morning'
    assert [r.decision for r in rig.reports[:4]] == [0, 1, 1, 0]
    assert rig.reports[1].decode_time == pytest.approx(0.02)
    assert not rig.events, 'an answer is no proactive event'


def test_states_follow_the_turn(make_rig):
    rig = make_rig(['say a', 'end b'])
    for state, name in ((DuplexState.SPEAKING, 'speaking'), (DuplexState.LISTENING, 'listening')):
        # Unit by unit: only the newest state is kept for a reader.
        rig.run(1)
        rig.harness.wait(lambda state=state: rig.states[-1].state == state, name)


def test_turn_without_user_speech_is_an_event(make_rig):
    rig = make_rig(['listen'] * 6 + ['say the pot', 'end boils'])
    rig.run(1)
    rig.run(7, speech=0.0, first=1)
    rig.harness.wait(lambda: len(rig.events) == 2, 'two events')
    opened, closed = rig.events
    assert (opened.type, closed.type) == (ProactiveEvent.OPENED, ProactiveEvent.CLOSED)
    assert opened.event_id == closed.event_id
    assert opened.origin == ProactiveEvent.MODEL and opened.model_id == 'scripted-1'
    assert closed.text == 'the pot boils'
    assert rig.speech[0].proactive


def test_interruption_voids_the_unit_in_flight(make_rig):
    gate = threading.Event()
    rig = make_rig(['say one', 'say two', 'listen', 'end three'], gate)
    gate.set()
    rig.run(1)
    gate.clear()
    rig.send(unit(1))
    rig.harness.wait(lambda: rig.session.entered == 2, 'the unit to be taken')
    confirm = Interruption(stage=Interruption.CONFIRM, epoch=1, played=duration_message(0.4))
    confirm.heard_text = 'on'
    rig.interrupt.publish(confirm)
    rig.interrupt.publish(confirm)
    rig.harness.wait(lambda: rig.states[-1].epoch == 2, 'the new epoch')
    gate.set()
    rig.run(2, first=2)
    rig.harness.wait(lambda: len(rig.speech) == 2, 'speech of the next turn')
    assert [(c.epoch, c.turn_id) for c in rig.speech] == [(1, 1), (2, 2)]
    assert [heard.text for heard in rig.session.heard] == ['on']
    assert rig.session.heard[0].seconds == pytest.approx(0.4)
    assert rig.text[0].data == 'on'


def test_pause_stage_changes_nothing(make_rig):
    rig = make_rig(['say one', 'end two'])
    rig.run(1)
    rig.interrupt.publish(Interruption(stage=Interruption.PAUSE, epoch=1))
    rig.run(1, first=1)
    rig.harness.wait(lambda: len(rig.speech) == 2, 'both pieces')
    assert rig.session.heard == []


def test_yield_of_the_model_voids_its_speech(make_rig):
    rig = make_rig(['say one', 'yield', 'say two'])
    rig.run(3)
    rig.harness.wait(lambda: rig.interruptions, 'an interruption')
    message = rig.interruptions[0]
    assert (message.stage, message.reason) == (Interruption.CONFIRM, Interruption.MODEL_YIELD)
    assert message.epoch == 1
    rig.harness.wait(lambda: rig.speech[-1].epoch == 2, 'speech of the new epoch')


def test_malformed_units_are_dropped_and_the_next_works(make_rig):
    rig = make_rig([])
    bad_rate = unit(0)
    bad_rate.sample_rate = 8000
    short = unit(1)
    short.audio = array('h', bytes(10))
    empty = unit(2)
    empty.audio = array('h')
    rig.send(bad_rate, short, empty)
    rig.run(1, first=3)
    assert rig.reports[-1].unit_index == 3
    assert rig.node._malformed == 3


def test_damaged_picture_does_not_cost_the_audio(make_rig):
    rig = make_rig([])
    message = unit(0)
    message.images = [type(ProactiveEvent().snapshot)(format='jpeg', data=b'\xff\xd8 broken')]
    rig.send(message)
    rig.harness.wait(lambda: rig.reports, 'a report')
    assert rig.session.units[0].images == ()


def test_rejected_unit_leaves_the_session_in_use(make_rig):
    rig = make_rig(['reject', 'say fine'])
    rig.send(unit(0))
    rig.run(1, first=1)
    assert rig.session.resets == 0
    assert rig.reports[0].unit_index == 1


def test_failing_model_is_reset_then_given_up_until_reset_is_called(make_rig):
    rig = make_rig(['fail', 'fail', 'fail', 'say again'])
    rig.send(*(unit(i) for i in range(3)))
    rig.harness.wait(lambda: rig.states[-1].state == DuplexState.ERROR, 'the error state')
    assert 'device lost' in rig.states[-1].detail
    answer = rig.harness.call(Trigger, 'inference_node/reset', Trigger.Request())
    assert answer.success
    rig.run(1, first=4)
    rig.harness.wait(lambda: rig.speech, 'speech after the reset')


def test_pause_forgets_what_it_hears(make_rig):
    rig = make_rig([])
    assert rig.harness.call(SetBool, 'inference_node/pause', SetBool.Request(data=True)).success
    rig.harness.wait(lambda: rig.states[-1].state == DuplexState.PAUSED, 'the paused state')
    rig.send(unit(0))
    rig.harness.call(SetBool, 'inference_node/pause', SetBool.Request(data=False))
    rig.run(1, first=1)
    assert [r.unit_index for r in rig.reports] == [1]


def test_an_announcement_is_said_in_a_turn_of_its_own_and_is_no_event(make_rig):
    rig = make_rig([])
    announce = rig.harness.publisher(Announcement, 'announcement')
    rig.run(6, speech=0.0)
    announce.publish(Announcement(source='test', text='The pot is boiling.'))
    rig.harness.wait(lambda: rig.node._worker._inbox._announcement, 'the announcement')
    rig.run(1, speech=0.0, first=6)
    rig.harness.wait(lambda: rig.text, 'the words')
    assert rig.text[0].data == 'The pot is boiling.' and rig.speech[0].turn_id == 1
    rig.run(1, speech=0.0, first=7)
    assert not rig.events and len(rig.text) == 1


def test_nothing_is_announced_and_no_turn_begins_while_the_user_speaks(make_rig):
    rig = make_rig(['say hello'], begin_patience=3.0)
    announce = rig.harness.publisher(Announcement, 'announcement')
    announce.publish(Announcement(source='test', text='The pot is boiling.'))
    rig.harness.wait(lambda: rig.node._worker._inbox._announcement, 'the announcement')
    speaking = [unit(index) for index in range(3)]
    for message in speaking:
        message.user_speaking = True
    rig.send(*speaking)
    rig.harness.wait(lambda: len(rig.reports) == 3, 'three units')
    assert [u.force_listen for u in rig.session.units] == [True] * 3
    assert not rig.deltas and not rig.session.given, 'dropped: whoever wants it said asks again'
    rig.run(1, first=3)
    assert rig.session.units[3].force_listen is False


def test_nothing_sounds_when_the_user_begins_to_speak_while_the_model_works(make_rig):
    gate = threading.Event()
    rig = make_rig(['say hello', 'end there'], gate)
    speech = rig.harness.publisher(UserSpeech, 'user_speech', qos.SPEECH_ACTIVITY)
    rig.send(unit(0))
    rig.harness.wait(lambda: rig.session.entered == 1, 'the model at work')
    rule = rig.node._worker.begin_rule
    for active in (True, False):
        speech.publish(UserSpeech(active=active))
        rig.harness.wait(lambda active=active: rule._mark[0] is active, 'the detector')
        if active:
            gate.set()
            rig.harness.wait(lambda: len(rig.reports) == 1, 'the unit')
            assert rig.session.taken_back == 1 and not rig.speech and not rig.deltas
    rig.run(1, speech=0.2, first=1)
    rig.harness.wait(lambda: rig.text, 'the turn that was put off')
    assert rig.session.units[1].begin_turn and rig.text[0].data == 'there'


def test_note_reaches_the_next_unit_once(make_rig):
    rig = make_rig([])
    rig.note.publish(ContextNote(source='test', text='  the kettle is on  '))
    rig.harness.wait(lambda: rig.node._worker._inbox._notes, 'the note')
    rig.run(2)
    assert [u.notes for u in rig.session.units] == [('the kettle is on',), ()]


def test_new_instruction_begins_a_new_conversation(make_rig):
    rig = make_rig([], instruction='Watch the pot.')
    assert rig.backend.prompts == ['Watch the pot.']
    rig.node.set_parameters([Parameter('instruction', value='Watch the door.')])
    rig.run(1)
    assert rig.backend.prompts[-1] == 'Watch the door.'
    assert rig.backend.sessions[0].closed


def test_behind_sheds_pictures_before_audio(make_rig):
    gate = threading.Event()
    rig = make_rig([], gate)
    rig.send(*(unit(i) for i in range(6)))
    rig.harness.wait(lambda: rig.node._worker.units_behind == 5, 'a backlog')
    gate.set()
    rig.harness.wait(lambda: len(rig.reports) == 6, 'all units')
    assert [r.unit_index for r in rig.reports] == list(range(6))
    assert len(rig.session.units[0].audio) == 16000
