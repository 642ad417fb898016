# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A unit in two phases, and the next one encoded in between."""

import numpy as np
import pytest

from minicpmo.errors import InputError, SessionStateError
from minicpmo.protocol import Heard, LookAheadSession, Unit

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
