# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Units that are told to make no speech, or speech in fewer steps."""

from dataclasses import replace

import pytest

from minicpmo.errors import InputError
from tests.engine.test_duplex import KINDS, open_turn, run


def spoken(speech) -> int:
    return sum(call[0] == 'speak' for call in speech.calls)


def test_the_conversation_is_the_same_without_speech(new_session, make_unit, recording_speech):
    loud = run(new_session(recording_speech), make_unit)
    silent = new_session(recording_speech)
    calls = len(recording_speech.calls)
    results = [silent.step(make_unit(i, kind, text_only=True)) for i, kind in enumerate(KINDS)]
    assert [r.token_ids for r in results] == [r.token_ids for r in loud]
    assert [r.turn_open for r in results] == [r.turn_open for r in loud]
    assert all(result.speech is None for result in results)
    assert ('speak',) not in {call[:1] for call in recording_speech.calls[calls:]}


def test_a_silent_turn_stays_silent_to_its_end(new_session, make_unit, recording_speech):
    session = new_session(recording_speech)
    index = open_turn(session, make_unit)
    before = spoken(recording_speech)
    result = session.step(make_unit(index, KINDS[index % 16], text_only=True))
    assert ('reset_turn', False) in recording_speech.calls, 'pending sound is dropped'
    silent, resets = 1, recording_speech.calls.count(('reset_turn', False))
    while result.turn_open:
        index += 1
        result = session.step(make_unit(index, KINDS[index % 16]))
        assert result.speech is None
        silent += 1
        assert silent < 200, 'the turn never ends'
    assert spoken(recording_speech) == before
    assert recording_speech.calls.count(('reset_turn', False)) == resets
    open_turn_again(session, make_unit, index + 1)
    assert spoken(recording_speech) > before, 'the next turn is heard again'


def open_turn_again(session, make_unit, index):
    for _ in range(200):
        result = session.step(make_unit(index, KINDS[index % 16]))
        index += 1
        if result.token_ids:
            return
    raise AssertionError('the model never spoke again')


def test_steps_of_the_flow_are_handed_on(new_session, make_unit, recording_speech):
    session = new_session(recording_speech)
    assert session.flow_steps == recording_speech.flow_steps
    assert new_session().flow_steps == 0
    index = open_turn(session, make_unit)
    assert ('stride', 1) in recording_speech.calls and ('stride', 2) not in recording_speech.calls
    for step in range(index, index + 40):
        session.step(make_unit(step, KINDS[step % 16], flow_stride=2))
    assert ('stride', 2) in recording_speech.calls


@pytest.mark.parametrize('stride', [0, 3, -1, 8, 1.5, None])
def test_unknown_stride_is_refused_and_changes_nothing(new_session, make_unit, stride):
    session = new_session()
    length = session.conversation.length
    with pytest.raises(InputError, match='flow_stride'):
        session.step(replace(make_unit(0), flow_stride=stride))
    assert session.conversation.length == length
    session.step(make_unit(0))


def test_reset_ends_the_silence(new_session, make_unit, recording_speech):
    session = new_session(recording_speech)
    index = open_turn(session, make_unit)
    session.step(make_unit(index, text_only=True))
    session.reset()
    assert not session.state.silent_turn
