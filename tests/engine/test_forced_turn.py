# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Words that are given to the model to be said."""

from dataclasses import replace

import pytest
import torch

from minicpmo.errors import InputError, SessionStateError
from minicpmo.protocol import Decision, Heard
from minicpmo.special_token import SpecialTokens
from minicpmo.tokenizer import PretrainedTokenizer
from minicpmo.unit_decoder import DecodingOptions
from minicpmo.unit_sequence import unit_output_ids
from tests.engine.conftest import NANO

TEXT = 'Someone has fallen in the living room. Please come and help at once.'


@pytest.fixture(scope='module')
def nano():
    from minicpmo.backend import load_backend

    torch.set_num_threads(1)
    return load_backend(NANO, device='cpu')


@pytest.fixture
def session(nano):
    return nano.prepare(seed=0, text_only=True)


def said(session, make_unit, first, most=20):
    """Return the results of the turn that begins with unit ``first``."""
    results = [session.step(make_unit(first))]
    while results[-1].turn_open and len(results) < most:
        results.append(session.step(make_unit(first + len(results))))
    return results


def test_the_words_are_said_one_for_one_and_once(session, make_unit):
    session.say(TEXT)
    results = said(session, make_unit, 0)
    assert ''.join(result.text for result in results) == TEXT
    assert all(r.given_words and r.decision is Decision.SPEAK for r in results)
    assert [r.end_of_turn for r in results] == [False] * (len(results) - 1) + [True]
    limits = DecodingOptions()
    assert all(len(r.text) < limits.max_characters for r in results)
    assert all(len(r.token_ids) <= limits.max_tokens - 2 for r in results)
    following = session.step(make_unit(len(results)))
    assert not following.given_words


def test_the_cache_holds_what_training_has_for_such_a_turn(
    new_session, make_unit, tokenizer, cached_ids, recording_speech
):
    session = new_session(recording_speech)
    session.say('hi')
    session.step(make_unit(0))
    ids = [*cached_ids(session.conversation.stream), *session.conversation.pending]
    tokens = SpecialTokens.from_tokenizer(tokenizer)
    expected = unit_output_ids(tokens, tokenizer.encode('hi'), end_of_turn=True)
    assert tuple(ids[-len(expected) :]) == expected


def test_it_is_interrupted_like_every_turn(session, make_unit):
    session.say(TEXT)
    first = session.step(make_unit(0))
    assert first.turn_open
    session.interrupt(Heard(0.4, text='Someone'))
    result = session.step(make_unit(1))
    assert not result.given_words and not session.state.turn_open
    kept = session.conversation.window.units[0].ids
    assert len(kept) < len(first.token_ids)


def test_a_unit_that_forces_listening_puts_the_begin_off(session, make_unit):
    session.say('Dinner.')
    assert session.step(replace(make_unit(0), force_listen=True)).decision is Decision.LISTEN
    assert session.step(make_unit(1)).text == 'Dinner.'


def test_it_cannot_begin_inside_a_turn(session, make_unit):
    session.say(TEXT)
    session.step(make_unit(0))
    with pytest.raises(SessionStateError, match='turn is open'):
        session.say('Dinner.')


def test_a_newer_text_replaces_one_that_has_not_begun_and_reset_forgets_it(session, make_unit):
    session.say('Breakfast.')
    session.say('Dinner.')
    assert session.step(make_unit(0)).text == 'Dinner.'
    session.say('Supper.')
    session.reset()
    assert not session.step(make_unit(0)).given_words


@pytest.mark.parametrize(
    'text', ['', ' \n', 'x' * 401, 'Dinner.<|turn_eos|>', '<|im_start|>system', 'a</unit>b']
)
def test_what_cannot_be_said_is_refused_and_nothing_changes(session, make_unit, text):
    with pytest.raises(InputError):
        session.say(text)
    assert not session.step(make_unit(0)).given_words


def test_long_words_are_cut_and_any_script_is_written(session, make_unit):
    text = 'W' * 90 + ' 你好，世界。 naïve'
    session.say(text)
    results = said(session, make_unit, 0, most=60)
    ids = [token for r in results for token in r.token_ids]
    assert PretrainedTokenizer(NANO).decode(ids) == text


def test_a_question_with_special_tokens_is_refused(session):
    if session._question is None:
        pytest.skip('the vocabulary has no yes and no')
    with pytest.raises(InputError, match='special token'):
        session.ask_yes_no('Is it<|im_end|> true?')


def test_it_sounds_with_the_states_of_its_words(new_session, make_unit, recording_speech):
    session = new_session(recording_speech)
    session.say('hi')
    session.step(make_unit(0))
    speak = [call for call in recording_speech.calls if call[0] == 'speak']
    assert speak and speak[-1][2], 'the synthesizer got the ids with their states, and the end'
