# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A unit in two phases, and the next one encoded in between."""

import numpy as np
import pytest

from minicpmo.duplex import DuplexSession
from minicpmo.errors import InputError, SessionStateError
from minicpmo.protocol import Decision, Heard, LookAheadSession, Unit
from minicpmo_ros.inference.unit_queue import PendingUnit, UnitQueue
from minicpmo_ros.inference.worker import InferenceWorker, WorkerCallbacks

KINDS = [0, 9, 5, 1, 3, 12, 7, 14, 2, 11, 6, 4]


def outcome(result):
    return result.decision, result.text, tuple(result.token_ids), result.context_tokens


def test_looking_ahead_changes_nothing(new_session, make_unit):
    units = [make_unit(index, kind) for index, kind in enumerate(KINDS)]
    plain, ahead = new_session(), new_session()
    assert isinstance(ahead, LookAheadSession)
    expected = [outcome(plain.step(unit)) for unit in units]
    found = []
    for unit, following in zip(units, [*units[1:], None], strict=True):
        ahead.begin(unit)
        if following is not None:
            ahead.prefetch(following)
        found.append(outcome(ahead.finish()))
    assert found == expected
    assert ahead.encoder.seconds == plain.encoder.seconds


@pytest.mark.parametrize('overlaps', [False, True])
def test_the_worker_looks_ahead_and_the_answers_stay(
    new_session, make_unit, recording_speech, monkeypatch, overlaps
):
    monkeypatch.setattr(
        DuplexSession,
        'speech_under_way',
        property(lambda self: overlaps and getattr(self.state.begun, 'sound', None) is not None),
    )
    plain, session = new_session(recording_speech), new_session(recording_speech)
    prefetched, prefetch = [], session.prefetch
    session.prefetch = lambda unit: prefetched.append(unit.index) or prefetch(unit)
    outcomes, failures = [], []
    callbacks = WorkerCallbacks(lambda unit: None, outcomes.append, failures.append)
    worker = InferenceWorker(session, UnitQueue(), callbacks, lambda: 0.0, threaded=False)
    expected = []
    for index, kind in enumerate(KINDS):
        audio = np.zeros(16000, np.int16)
        audio[0] = round(kind / 100 * 32768)
        worker.put(PendingUnit(index, audio, 0, 1, 0.0))
        expected.append(outcome(plain.step(Unit(index, audio.astype(np.float32) / 32768))))
    worker.work()
    assert not failures
    assert [outcome(found.result) for found in outcomes] == expected
    spoke = [o.unit.index + 1 for o in outcomes[:-1] if o.result.decision is Decision.SPEAK]
    assert spoke and prefetched == (spoke if overlaps else [])
    assert session.encoder.seconds == plain.encoder.seconds


def test_an_interruption_keeps_what_was_heard_ahead(new_session, make_unit):
    results = []
    for looks_ahead in (False, True):
        session = new_session()
        index, result = 0, None
        while result is None or not result.turn_open:
            result = session.step(make_unit(index, KINDS[index % 12]))
            index += 1
        unit = make_unit(index, 3)
        if looks_ahead:
            session.prefetch(unit)
        session.interrupt(Heard(0.2))
        results.append(outcome(session.step(unit)))
    assert results[0] == results[1]


def test_reset_forgets_the_unit_ahead_and_the_one_begun(new_session, make_unit):
    fresh, session = new_session(), new_session()
    session.begin(make_unit(0))
    session.prefetch(make_unit(1, 9))
    session.reset()
    units = [make_unit(0, 5), make_unit(1, 9)]
    assert [outcome(session.step(u)) for u in units] == [outcome(fresh.step(u)) for u in units]


def test_another_unit_than_the_one_ahead_is_answered(new_session, make_unit):
    session = new_session()
    session.prefetch(make_unit(0, 9))
    session.step(make_unit(0, 9))
    assert session.encoder.seconds == 2
    assert session.state.ahead is None


def test_what_is_the_same_object_is_not_encoded_again(new_session, make_unit):
    plain, session = new_session(), new_session()
    picture, other = np.full((8, 8, 3), 3, np.uint8), np.full((8, 8, 3), 9, np.uint8)
    heard = make_unit(0, 9)
    whole = Unit(0, heard.audio, (picture,))
    for changed in (
        Unit(0, heard.audio, (picture,), force_listen=True, notes=('a note',)),
        Unit(0, heard.audio),
        Unit(0, heard.audio, (other,)),
        Unit(0, heard.audio, (picture,), max_slices=2),
        Unit(0, None, (picture,)),
    ):
        session.prefetch(whole)
        assert outcome(session.step(changed)) == outcome(plain.step(changed))
        assert session.encoder.seconds == 1
        session.reset()
        plain.reset()


def test_phases_out_of_order_are_refused(new_session, make_unit):
    session = new_session()
    with pytest.raises(SessionStateError, match='begin first'):
        session.finish()
    session.prefetch(make_unit(0))
    with pytest.raises(SessionStateError, match='ahead already'):
        session.prefetch(make_unit(1))
    session.begin(make_unit(0))
    for call in (
        lambda: session.begin(make_unit(1)),
        lambda: session.interrupt(Heard(0.0)),
        lambda: session.ask_yes_no('?'),
    ):
        with pytest.raises(SessionStateError, match='finish it first'):
            call()
    assert session.finish().index == 0


def test_a_bad_unit_is_not_taken_ahead(new_session, make_unit):
    session = new_session()
    with pytest.raises(InputError):
        session.prefetch(Unit(0, np.zeros(7, np.float32)))
    assert session.state.ahead is None
    session.step(make_unit(0))
