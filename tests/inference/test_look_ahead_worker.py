# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A unit that waits is encoded while speech is made: the order of calls through the worker."""

import io

import numpy as np
from PIL import Image
import pytest

from minicpmo.errors import InputError
from minicpmo.protocol import Decision, Heard
from minicpmo_ros.inference.unit_queue import PendingUnit, UnitQueue
from minicpmo_ros.inference.worker import InferenceWorker, WorkerCallbacks
from tests.node.scripted_backend import ScriptedSession


class LookAheadScript(ScriptedSession):
    """Works in two phases and writes down what is called; speech is under way where it speaks.

    between: called once, after the next begin, like a message that arrives in the meantime.
    """

    def __init__(self, script=()):
        super().__init__(script)
        self.calls, self.begun, self.between = [], None, None
        self.encoded = []
        self.speech_under_way = False
        self.refuses = None

    def begin(self, unit):
        self.calls.append(f'begin {unit.index}')
        self.begun = super().step(unit)
        self.speech_under_way = self.begun.speech is not None
        call, self.between = self.between, None
        if call is not None:
            call()

    def prefetch(self, unit):
        self.calls.append(f'prefetch {unit.index}')
        if self.refuses is not None:
            raise self.refuses
        self.encoded.append(unit)

    def finish(self):
        self.calls.append(f'finish {self.begun.index}')
        self.speech_under_way = False
        return self.begun

    def interrupt(self, heard):
        self.calls.append('interrupt')
        super().interrupt(heard)

    def reset(self):
        self.calls.append('reset')
        super().reset()


class Clock:
    """Moves on a tenth of a second whenever it is read."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.1
        return self.now


class Rig:
    """The real worker without a thread: what waits is done when the test says so."""

    def __init__(self, script, session=LookAheadScript):
        self.session = session(script)
        self.outcomes, self.failures = [], []
        callbacks = WorkerCallbacks(lambda unit: None, self.outcomes.append, self.failures.append)
        self.clock = Clock()
        self.worker = InferenceWorker(
            self.session, UnitQueue(), callbacks, self.clock, threaded=False
        )
        self.count = 0

    def put(self, units=1, speaking=False, image=b''):
        for _ in range(units):
            audio = np.full(16000, self.count + 1, np.int16)
            images = (image,) if image else ()
            unit = PendingUnit(
                self.count, audio, self.count, self.count + 1, 0.0, images, user_speaking=speaking
            )
            self.worker.put(unit)
            self.count += 1

    def run(self):
        self.worker.work()
        return self.session.calls


def png():
    file = io.BytesIO()
    Image.new('RGB', (32, 32), 'red').save(file, 'png')
    return file.getvalue()


def test_a_waiting_unit_is_encoded_while_speech_is_made():
    rig = Rig(['say a', 'say b', 'end c'])
    rig.put(3)
    assert rig.run() == [
        'begin 0', 'prefetch 1', 'finish 0',
        'begin 1', 'prefetch 2', 'finish 1',
        'begin 2', 'finish 2',
    ]  # fmt: skip
    ahead, units = rig.session.encoded, rig.session.units
    assert [unit.audio is other.audio for unit, other in zip(ahead, units[1:], strict=True)] == [
        True,
        True,
    ]
    assert [outcome.result.text for outcome in rig.outcomes] == ['a ', 'b ', 'c ']


def test_nothing_is_encoded_ahead_beside_listening():
    rig = Rig(['listen', 'listen'])
    rig.put(2)
    assert rig.run() == ['begin 0', 'finish 0', 'begin 1', 'finish 1']


def test_a_unit_that_comes_while_one_is_computed_is_encoded():
    rig = Rig(['end a'])
    rig.put()
    rig.session.between = rig.put
    assert rig.run() == ['begin 0', 'prefetch 1', 'finish 0', 'begin 1', 'finish 1']


def test_a_session_with_one_phase_is_stepped():
    rig = Rig(['say a', 'end b'], ScriptedSession)
    rig.put(2)
    rig.worker.work()
    assert [outcome.result.text for outcome in rig.outcomes] == ['a ', 'b ']


def test_an_interruption_keeps_what_was_encoded():
    rig = Rig(['say a'])
    rig.put(2)
    original = rig.session.finish

    def finish():
        rig.worker.interrupt(Heard(0.5))
        rig.session.finish = original
        return original()

    rig.session.finish = finish
    calls = rig.run()
    assert calls == ['begin 0', 'prefetch 1', 'finish 0', 'interrupt', 'begin 1', 'finish 1']
    assert rig.session.units[1].audio is rig.session.encoded[0].audio


@pytest.mark.parametrize('drop', ['reset', 'pause'])
def test_a_dropped_unit_is_not_taken_for_the_next_one(drop):
    rig = Rig(['say a'])
    rig.put(2)
    original = rig.session.finish

    def finish():
        rig.session.finish = original
        if drop == 'reset':
            rig.worker.reset()
        else:
            rig.worker.pause(True)
            rig.worker.pause(False)
        rig.put()
        return original()

    rig.session.finish = finish
    rig.run()
    assert len(rig.session.encoded) == 1
    assert [round(unit.audio[0] * 32768) for unit in rig.session.units] == [1, 3]
    assert rig.session.resets == (drop == 'reset')


def test_a_waiting_command_comes_before_looking_ahead():
    rig = Rig(['say a'])
    rig.put(2)
    rig.session.between = lambda: rig.worker.interrupt(Heard(0.5))
    assert rig.run() == ['begin 0', 'finish 0', 'interrupt', 'begin 1', 'finish 1']


def test_a_failure_forgets_what_was_encoded():
    rig = Rig(['say a', 'fail', 'listen'])
    rig.put(3)
    calls = rig.run()
    assert calls == [
        'begin 0', 'prefetch 1', 'finish 0', 'begin 1', 'reset', 'begin 0', 'finish 0',
    ]  # fmt: skip


def test_a_unit_that_cannot_be_encoded_is_reported_once_when_its_turn_comes():
    rig = Rig(['say a', 'reject', 'listen'])
    rig.session.refuses = InputError('scripted')
    rig.put(3)
    rig.run()
    assert len(rig.outcomes) == 2
    assert rig.failures == ['audio of unit is not usable: scripted']


def test_the_camera_switch_reaches_a_unit_that_was_encoded():
    rig = Rig(['say a', 'end b'])
    rig.put(2, image=png())
    original = rig.session.finish

    def finish():
        rig.worker.camera = False
        return original()

    rig.session.finish = finish
    rig.run()
    assert len(rig.session.encoded[0].images) == 1
    assert rig.session.units[1].images == ()
    assert rig.outcomes[1].unit.images == ()


def test_who_speaks_is_decided_when_the_turn_comes():
    rig = Rig(['end a', 'listen'])
    rig.put(2, speaking=True)
    rig.worker.begin_rule.patience = 0.0
    original = rig.session.finish

    def finish():
        rig.worker.begin_rule.patience = 10.0
        rig.worker.note('the door is open')
        return original()

    rig.session.finish = finish
    rig.run()
    ahead, begun = rig.session.encoded[0], rig.session.units[1]
    assert not ahead.force_listen and begun.force_listen
    assert begun.notes == ('the door is open',)


def test_time_is_counted_for_the_unit_it_was_spent_on():
    rig = Rig(['say a', 'end b'])
    prefetch, finish = rig.session.prefetch, rig.session.finish

    def slow_prefetch(unit):
        rig.clock.now += 5.0
        prefetch(unit)

    def slow_finish():
        rig.clock.now += 2.0
        return finish()

    rig.session.prefetch, rig.session.finish = slow_prefetch, slow_finish
    rig.put(2)
    rig.run()
    first, second = (outcome.total_time for outcome in rig.outcomes)
    assert 2.0 < first < 3.0
    assert 7.0 < second < 8.0


def test_pictures_are_left_out_of_a_unit_once():
    rig = Rig(['say a', 'say b', 'end c'])
    rig.put(3, image=png())
    rig.run()
    # Two units wait behind the first, one behind the second.
    assert [len(unit.images) for unit in rig.session.units] == [0, 1, 1]
    assert rig.worker.state.pictures_shed == 1
    assert rig.worker.state.units == 3


def test_a_turn_that_was_wanted_while_somebody_spoke_begins_in_the_next_unit():
    rig = Rig(['end yes', 'end yes', 'end no'])
    rig.put(1, speaking=True)
    rig.put(2)
    rig.run()
    given = [(unit.force_listen, unit.begin_turn) for unit in rig.session.units]
    assert given == [(True, False), (False, True), (False, False)]
    assert [outcome.result.text for outcome in rig.outcomes] == ['', 'yes ', 'no ']


def test_first_words_are_taken_back_when_somebody_begins_to_speak_meanwhile():
    rig = Rig(['say a', 'end b', 'end c'])
    rig.session.between = lambda: rig.worker.note_speech(True)
    rig.put(1)
    rig.run()
    (outcome,) = rig.outcomes
    assert rig.session.taken_back == 1 and outcome.result.speech is None
    assert outcome.result.decision is Decision.LISTEN and not outcome.result.turn_open
    rig.worker.note_speech(False)
    rig.put(1)
    rig.run()
    assert rig.session.units[1].begin_turn and rig.outcomes[1].result.text == 'b '


def test_later_words_of_a_turn_are_the_business_of_barge_in():
    rig = Rig(['say a', 'end b'])
    rig.put(1)
    rig.run()
    rig.session.between = lambda: rig.worker.note_speech(True)
    rig.put(1)
    rig.run()
    assert rig.session.taken_back == 0 and rig.outcomes[1].result.text == 'b '


def test_an_announcement_that_is_taken_back_is_not_made_up_by_the_model():
    rig = Rig([])
    rig.worker.announce('Dinner is ready.')
    rig.session.between = lambda: rig.worker.note_speech(True)
    rig.put(1)
    rig.run()
    rig.worker.note_speech(False)
    rig.put(1)
    rig.run()
    assert rig.session.taken_back == 1
    assert not rig.session.units[1].begin_turn and rig.outcomes[1].result.text == ''
