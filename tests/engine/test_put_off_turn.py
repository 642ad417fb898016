# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A turn that the model wanted but could not begin: noticed, taken back, begun later."""

from dataclasses import replace

import pytest
import torch

from minicpmo.context_window import WindowMode, WindowOptions
from minicpmo.errors import SessionStateError
from minicpmo.protocol import Decision
from minicpmo.sampling import SamplingOptions
from minicpmo.special_token import SpecialTokens

KINDS = [0, 9, 5, 1, 3, 12, 7, 14, 2, 11, 6, 4, 15, 8, 13, 10]
WINDOWS = [
    WindowOptions(),
    WindowOptions(WindowMode.CONTEXT, max_units=2, previous_max=30),
    WindowOptions(WindowMode.BASIC, high=130, low=100),
]


def left_alone_until(decision, new_session, make_unit):
    """Return a session, and the first unit that it answers so when it is left alone."""
    reference = new_session()
    decisions = [reference.step(make_unit(i, k)).decision for i, k in enumerate(KINDS)]
    index, session = decisions.index(decision), new_session()
    for before, kind in enumerate(KINDS[:index]):
        assert not session.step(make_unit(before, kind)).wanted_to_speak
    return session, index


def books(session):
    """Return what a session remembers, apart from numbers."""
    window = session.conversation.window
    records = [(r.index, r.length, list(r.ids), r.is_listen) for r in window.units]
    return records, session.conversation.length, session.state.units


@pytest.mark.parametrize('window', WINDOWS, ids=lambda window: window.mode.value)
@pytest.mark.parametrize('text', ['hi', 'hi hi hi hi hi hi hi hi hi hi hi hi'])
def test_a_turn_taken_back_leaves_nothing_behind(
    new_session, make_unit, recording_speech, window, text
):
    taken, listened = new_session(recording_speech, window=window), new_session(window=window)
    for session in (taken, listened):
        session.step(make_unit(0, 0, force_listen=True))
        session.step(make_unit(1, 9, force_listen=True))
    taken.say(text)
    assert taken.step(make_unit(2, 5)).decision is Decision.SPEAK
    taken.take_back()
    listened.step(make_unit(2, 5, force_listen=True))
    assert books(taken) == books(listened)
    assert not taken.state.turn_open and recording_speech.calls[-1] == ('reset_turn', False)
    for index in range(3, 8):
        results = [session.step(make_unit(index, KINDS[index])) for session in (taken, listened)]
        first, second = (replace(r, timings=None, speech=None, sample_rate=0) for r in results)
        assert first == second
        assert books(taken) == books(listened)
    keys = [session.conversation.stream.cache.keys for session in (taken, listened)]
    length = listened.conversation.stream.length
    torch.testing.assert_close(*(k[:, :, :length] for k in keys), rtol=0, atol=1e-5)


@pytest.mark.parametrize('window', [3, 512])
def test_words_taken_back_are_no_repetitions(new_session, make_unit, window):
    def penalised():
        return new_session(sampling=SamplingOptions(greedy=True, repetition_window=window))

    session, index = left_alone_until(Decision.SPEAK, penalised, make_unit)
    chooser = session.chooser
    before, logits = chooser.history, torch.linspace(-1, 1, len(chooser._history.divisor))
    scores, length = chooser.process(logits).clone(), chooser.history_length
    session.step(make_unit(index, KINDS[index]))
    assert chooser.history_length >= length + 3
    session.take_back()
    assert chooser.history_length == length
    assert chooser.history == (before if window == 512 else [])
    if window == 512:
        assert torch.equal(chooser.process(logits), scores)


def test_only_a_turn_that_began_in_the_newest_unit_is_taken_back(new_session, make_unit):
    session = new_session()
    with pytest.raises(SessionStateError, match='no turn began'):
        session.take_back()
    session.step(make_unit(0, force_listen=True))
    with pytest.raises(SessionStateError, match='no turn began'):
        session.take_back()
    session.say('hi ' * 30)
    assert session.step(make_unit(1)).turn_open
    assert session.step(make_unit(2)).turn_open
    with pytest.raises(SessionStateError, match='interrupt it instead'):
        session.take_back()
    session.step(make_unit(3, force_listen=True))
    session.say('hi')
    session.step(make_unit(4))
    session.take_back()
    with pytest.raises(SessionStateError, match='no turn began'):
        session.take_back()
    session.close()
    with pytest.raises(SessionStateError, match='closed'):
        session.take_back()


def test_a_forced_listener_tells_whether_it_wanted_to_speak(new_session, make_unit):
    session, index = left_alone_until(Decision.SPEAK, new_session, make_unit)
    result = session.step(make_unit(index, KINDS[index], force_listen=True))
    assert result.wanted_to_speak
    assert result.decision is Decision.LISTEN and not session.state.turn_open


def test_it_does_not_want_to_where_it_would_listen(new_session, make_unit):
    session, index = left_alone_until(Decision.LISTEN, new_session, make_unit)
    unit = make_unit(index, KINDS[index], force_listen=True)
    assert not session.step(unit).wanted_to_speak


def test_a_turn_begins_where_it_is_asked_to_with_words_of_the_model(
    new_session, make_unit, tokenizer
):
    session, index = left_alone_until(Decision.LISTEN, new_session, make_unit)
    result = session.step(make_unit(index, KINDS[index], begin_turn=True))
    assert result.decision is Decision.SPEAK and not result.given_words
    assert session.state.last_unit.first_id == SpecialTokens.from_tokenizer(tokenizer).speak


def test_it_changes_nothing_inside_a_turn_and_forced_listening_wins(new_session, make_unit):
    session, reference = new_session(), new_session()
    for each in (session, reference):
        each.say('hi ' * 30)
        assert each.step(make_unit(0)).turn_open
        each.step(make_unit(1))
    results = [session.step(make_unit(2, begin_turn=True)), reference.step(make_unit(2))]
    assert results[0].token_ids == results[1].token_ids
    session.reset()
    both = session.step(make_unit(3, begin_turn=True, force_listen=True))
    assert both.decision is Decision.LISTEN
