# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import gc
import re

import numpy as np
import pytest
import torch

from minicpmo.context_window import WindowMode, WindowOptions
from minicpmo.errors import ContextOverflowError, InputError, SessionStateError
from minicpmo.language_stream import LanguageStream
from minicpmo.protocol import Decision, Heard, Unit, YieldPolicy
from minicpmo.sampling import SamplingOptions
from minicpmo.special_token import SpecialTokens
from minicpmo.unit_decoder import DecodingOptions

KINDS = [0, 9, 5, 1, 3, 12, 7, 14, 2, 11, 6, 4, 15, 8, 13, 10]


def outcome(result):
    return (
        result.decision,
        result.text,
        tuple(result.token_ids),
        result.end_of_turn,
        result.turn_open,
        result.context_tokens,
    )


def run(session, make_unit, kinds=KINDS, start=0):
    return [session.step(make_unit(start + i, kind)) for i, kind in enumerate(kinds)]


def window_name(window):
    return window.mode.value + '-renewed' * window.renews


def open_turn(session, make_unit):
    """Step until the model is in the middle of a turn with words; return the next index."""
    said = 0
    for index in range(200):
        result = session.step(make_unit(index, KINDS[index % 16]))
        said = said + len(result.token_ids) if result.turn_open else 0
        if result.turn_open and said > 3:
            return index + 1
    raise AssertionError('the model never spoke')


@pytest.fixture
def conversation_ids(cached_ids):
    """Return a function that reads a whole conversation: the cache, then what still waits."""

    def read(session):
        conversation = session.conversation
        return cached_ids(conversation.stream) + list(conversation.pending)

    return read


def require_legal(ids, tokenizer, carried=False):
    """Check the grammar prompt (unit input output terminator)* over a whole conversation."""
    tokens = SpecialTokens.from_tokenizer(tokenizer)
    letter = {
        -1: 'E',
        tokens.unit_begin: 'U',
        tokens.unit_end: 'u',
        tokens.image_begin: 'I',
        tokens.image_end: 'i',
        tokens.listen: 'L',
        tokens.chunk_end: 'C',
        tokens.speech_chunk_end: 'C',
        tokens.turn_end: 't',
        tokens.speak: 's',
        tokens.speech_begin: 's',
        tokens.message_begin: 'M',
        tokens.message_end: 'm',
        tokens.audio_begin: 'A',
        tokens.audio_end: 'a',
    }
    text = ''.join(letter.get(token, 'x') for token in ids)
    unit = '(U(x*)(IE+i)*E*([sxt]*)[LC]u)'
    previous = '[x]*' if carried else ''
    match = re.fullmatch(f'M[x]*AE+{previous}am{unit}*', text)
    assert match, text
    return text


def test_a_unit_costs_one_forward_and_one_per_token(new_session, make_unit):
    session = new_session()
    stream = session.conversation.stream
    seen = set()
    for index, kind in enumerate(KINDS):
        forwards, rows = stream.forwards, stream.vocabulary_rows
        result = session.step(make_unit(index, kind))
        fed = session.state.last_unit.fed_tokens
        assert stream.forwards - forwards == 1 + fed
        # One row per decision; the twentieth step of a full unit decides nothing.
        assert stream.vocabulary_rows - rows <= fed + 1
        seen.add(result.decision)
    assert seen == set(Decision)


def test_two_interleaved_sessions_equal_two_separate_ones(new_session, make_unit):
    options = {'sampling': SamplingOptions(temperature=1.2), 'text_only': True}
    alone = [run(new_session(seed=s, **options), make_unit, KINDS[s:]) for s in (1, 2)]
    first, second = (new_session(seed=s, **options) for s in (1, 2))
    together = ([], [])
    for index in range(15):
        together[0].append(first.step(make_unit(index, KINDS[1 + index])))
        if index < 14:
            together[1].append(second.step(make_unit(index, KINDS[2 + index])))
    for separate, interleaved in zip(alone, together, strict=True):
        assert [outcome(r) for r in separate] == [outcome(r) for r in interleaved]


def test_reset_begins_the_same_conversation_again(new_session, make_unit):
    window = WindowOptions(WindowMode.CONTEXT, max_units=3, previous_max=20)
    session = new_session(window=window, sampling=SamplingOptions(temperature=1.2), seed=3)
    first = [outcome(r) for r in run(session, make_unit)]
    session.reset()
    assert [outcome(r) for r in run(session, make_unit)] == first


@pytest.mark.parametrize(
    'window',
    [
        WindowOptions(WindowMode.OFF),
        WindowOptions(WindowMode.BASIC, high=140, low=100),
        WindowOptions(WindowMode.CONTEXT, max_units=4, previous_max=12),
        WindowOptions(WindowMode.CONTEXT, max_units=4, previous_max=12, renewed_units=2),
    ],
    ids=window_name,
)
def test_a_question_changes_nothing(new_session, make_unit, window, monkeypatch):
    quiet, asked = (new_session(window=window) for _ in range(2))
    asked._question = FixedQuestion()
    for index, kind in enumerate(KINDS):
        expected = quiet.step(make_unit(index, kind))
        before = asked.conversation.length
        assert 0.0 < asked.ask_yes_no('Is somebody there?') < 1.0
        assert asked.conversation.length == before
        assert outcome(asked.step(make_unit(index, kind))) == outcome(expected)
    left = quiet.conversation.stream.cache
    right = asked.conversation.stream.cache
    torch.testing.assert_close(left.keys[..., : left.length, :], right.keys[..., : left.length, :])


def test_a_renewed_window_is_as_if_the_conversation_had_begun_there(
    new_session, make_unit, tokenizer, conversation_ids
):
    options = WindowOptions(WindowMode.CONTEXT, max_units=4, previous_max=12, renewed_units=2)
    session = new_session(window=options)
    stream, window = session.conversation.stream, session.conversation.window
    for index, kind in enumerate(KINDS * 2):
        before = len(window.units)
        session.step(make_unit(index, kind))
        if index % 5 == 4:
            session.interrupt(Heard(0.2))
        assert len(window.units) == (before + 1 if before < 4 else 2)
        require_legal(conversation_ids(session), tokenizer, carried=True)
        fresh = LanguageStream(stream.model, 1500)
        fresh.feed(stream._rows[: stream.length])
        for known, anew in (
            (stream.cache.keys, fresh.cache.keys),
            (stream.cache.values, fresh.cache.values),
        ):
            rows = slice(0, stream.length)
            torch.testing.assert_close(known[:, :, rows], anew[:, :, rows], atol=1e-4, rtol=1e-3)
    assert window.dropped_units > 20 and window.content_ids


class FixedQuestion:
    """The recorded vocabulary has no yes and no."""

    def ids(self, question):
        return [5, 6, 7, 8, 9, 10]

    def probability(self, logits):
        return float(torch.sigmoid(logits[20] - logits[21]))


@pytest.mark.parametrize(
    'bad',
    [
        lambda index: Unit(index, np.zeros(8000, np.float32)),
        lambda index: Unit(index, np.full(16000, np.nan, np.float32)),
        lambda index: Unit(index, np.zeros(16000, np.float32), images=(np.zeros((4, 4)),)),
        lambda index: Unit(index, None),
        lambda index: Unit(index - 1, np.zeros(16000, np.float32)),
        lambda index: Unit(f'{index}', np.zeros(16000, np.float32)),
        lambda index: Unit(index, np.zeros(16000, np.float32), notes=('a<|speak|>b',)),
        lambda index: Unit(index, np.zeros(16000, np.float32), notes='a'),
    ],
    ids=['short', 'nan', 'picture', 'empty', 'order', 'index', 'token in a note', 'one note'],
)
def test_a_rejected_unit_leaves_the_session_unchanged(new_session, make_unit, bad):
    clean, tried = new_session(), new_session()
    for index, kind in enumerate(KINDS[:6]):
        expected = clean.step(make_unit(index, kind))
        if index:
            with pytest.raises(InputError):
                tried.step(bad(index))
        assert outcome(tried.step(make_unit(index, kind))) == outcome(expected)
    assert tried.encoder.seconds == 6


def test_without_a_window_a_full_cache_is_refused_before_damage(new_session, make_unit):
    session = new_session(context_tokens=150)
    index = 0
    with pytest.raises(ContextOverflowError, match='use a context window'):
        while index < 100:
            session.step(make_unit(index, KINDS[index % 16]))
            index += 1
    length, seconds = session.conversation.length, session.encoder.seconds
    assert index > 2 and seconds == index
    with pytest.raises(ContextOverflowError):
        session.step(make_unit(index))
    assert (session.conversation.length, session.encoder.seconds) == (length, seconds)
    session.reset()
    assert session.step(make_unit(0)).context_tokens > 0


def test_a_prompt_longer_than_the_window_is_refused(new_session):
    with pytest.raises(InputError, match='system prompt'):
        new_session(window=WindowOptions(WindowMode.BASIC, high=10, low=5))
    with pytest.raises(InputError, match='system prompt'):
        new_session(context_tokens=10)


@pytest.mark.parametrize('when', ['waiting', 'fed'])
def test_interrupt_closes_the_turn_inside_the_last_unit(
    new_session, make_unit, tokenizer, conversation_ids, recording_speech, when
):
    session = new_session(recording_speech)
    index = open_turn(session, make_unit)
    if when == 'fed':
        session.conversation._flush()
    before = session.conversation.length
    session.interrupt(Heard(0.5))
    assert session.conversation.length == before + 1
    assert recording_speech.calls[-1] == ('reset_turn', False)
    text = require_legal(conversation_ids(session), tokenizer)
    assert text.endswith('tCu')
    assert not session.state.turn_open
    session.interrupt(Heard(0.0))
    assert session.conversation.length == before + 1
    result = session.step(make_unit(index, 2))
    assert result.context_tokens > before
    require_legal(conversation_ids(session), tokenizer)


def test_after_many_interruptions_the_cache_is_legal(
    new_session, make_unit, tokenizer, conversation_ids, recording_speech
):
    session = new_session(recording_speech, context_tokens=4000)
    random = np.random.default_rng(5)
    cut = 0
    for index in range(60):
        image = np.full((4, 4, 3), 30, np.uint8)
        session.step(
            make_unit(
                index,
                int(random.integers(16)),
                force_listen=bool(random.random() < 0.1),
                images=(image,) * int(random.integers(3)),
                notes=('Hello',) * int(random.integers(2)),
            )
        )
        if random.random() < 0.3:
            cut += session.state.turn_open
            session.interrupt(Heard(float(random.random())))
    assert cut > 3
    require_legal(conversation_ids(session), tokenizer)


def test_only_what_was_heard_is_carried_over(new_session, make_unit, tokenizer, recording_speech):
    window = WindowOptions(WindowMode.CONTEXT, max_units=2, previous_max=100)
    session = new_session(recording_speech, window=window)
    said = []
    for index in range(100):
        result = session.step(make_unit(index, KINDS[index % 16]))
        said = [*said, *result.token_ids] if result.turn_open else []
        if result.turn_open and len(result.token_ids) > 3:
            break
    before = len(said) - len(result.token_ids)
    session.interrupt(Heard((before + 2) * 0.1 + 0.05))
    for later in range(1, 4):
        session.step(make_unit(index + later, force_listen=True))
    carried = session.conversation.window.content_ids
    dropped = SpecialTokens.from_tokenizer(tokenizer).all_ids | tokenizer.special_ids
    kept = [token for token in result.token_ids[:2] if token not in dropped]
    assert carried[len(carried) - len(kept) :] == kept
    lost = [token for token in result.token_ids[2:] if token not in dropped]
    assert lost and carried[-len(lost) :] != lost


def test_the_model_may_give_up_its_turn(
    new_session, make_unit, tokenizer, conversation_ids, recording_speech
):
    decoding = DecodingOptions(yield_policy=YieldPolicy.MODEL)
    session = new_session(recording_speech, decoding=decoding)
    yielded = None
    for index in range(200):
        result = session.step(make_unit(index, KINDS[index % 16]))
        if result.yielded:
            yielded = result
            break
    assert yielded is not None, 'the model never chose to listen in its own turn'
    assert yielded.decision is Decision.LISTEN and yielded.text == '' and yielded.end_of_turn
    assert not yielded.turn_open and ('reset_turn', False) in recording_speech.calls
    text = require_legal(conversation_ids(session), tokenizer)
    assert text.endswith('tLu')


def test_giving_up_may_need_several_units_in_a_row(new_session, make_unit):
    patient = DecodingOptions(yield_policy=YieldPolicy.MODEL, yield_units=10**6)
    reference = run(new_session(), make_unit, KINDS * 3)
    assert [outcome(r) for r in run(new_session(decoding=patient), make_unit, KINDS * 3)] == [
        outcome(r) for r in reference
    ]


def test_forced_listening_closes_the_turn_and_keeps_the_speech_context(
    new_session, make_unit, recording_speech
):
    session = new_session(recording_speech)
    index = open_turn(session, make_unit)
    result = session.step(make_unit(index, 2, force_listen=True))
    assert result.forced_listen and not result.end_of_turn and not result.turn_open
    assert recording_speech.calls[-1] == ('reset_turn', True)


def test_text_only_makes_no_sound(new_session, make_unit, recording_speech):
    spoken = run(new_session(recording_speech), make_unit)
    silent = run(new_session(recording_speech, text_only=True), make_unit)
    assert [outcome(r) for r in silent] == [outcome(r) for r in spoken]
    assert all(result.speech is None for result in silent)
    assert any(result.speech is not None for result in spoken)


@pytest.mark.parametrize(
    'window',
    [
        WindowOptions(WindowMode.BASIC, high=300, low=200),
        WindowOptions(WindowMode.CONTEXT, max_units=6, previous_max=30),
        WindowOptions(WindowMode.CONTEXT, max_units=6, previous_max=30, renewed_units=4),
    ],
    ids=window_name,
)
def test_two_thousand_units_keep_memory_and_work_constant(
    new_session, make_unit, shallow_model, window
):
    decoding = DecodingOptions(max_tokens=5)
    session = new_session(
        model=shallow_model, window=window, decoding=decoding, context_tokens=700
    )
    stream = session.conversation.stream
    random = np.random.default_rng(1)
    work, sizes, memory = [], [], []
    for index in range(2000):
        before = stream.forwards
        session.step(make_unit(index, int(random.integers(16))))
        fed = session.state.last_unit.fed_tokens
        work.append(stream.forwards - before - fed)
        sizes.append(stream.length)
        if index % 500 == 499:
            gc.collect()
            memory.append(sum(type(o) is torch.Tensor for o in gc.get_objects()))
    # One forward for the input; when the window moves, one for the end of the unit before it
    # changes and one for the carried-over text.
    assert max(work) <= 3
    assert max(sizes[1000:]) <= max(sizes[100:1000]) + 40
    assert max(sizes) <= stream.cache.capacity
    assert memory[-1] <= memory[0] + 2
    assert len(session.chooser.history) <= 512
    assert len(session.conversation.window.units) < 40
    assert len(session.conversation.window.content_ids) <= 30


@pytest.mark.parametrize(
    'window',
    [
        WindowOptions(WindowMode.CONTEXT, max_units=1000, previous_max=30),
        WindowOptions(WindowMode.CONTEXT, max_units=1000, previous_max=30, renewed_units=900),
        WindowOptions(WindowMode.BASIC, high=300, low=299),
    ],
    ids=window_name,
)
def test_a_window_that_is_too_wide_for_the_cache_forgets_earlier(
    new_session, make_unit, tokenizer, conversation_ids, window
):
    session = new_session(window=window, context_tokens=400)
    image = np.full((4, 4, 3), 30, np.uint8)
    for index in range(40):
        many = index % 10 == 9
        session.step(make_unit(index, KINDS[index % 16], images=(image,) * (30 if many else 0)))
        assert session.conversation.stream.length <= session.conversation.stream.cache.capacity
    assert session.conversation.window.dropped_units > 10
    text = require_legal(conversation_ids(session), tokenizer, carried=True)
    rows = sum(record.length for record in session.conversation.window.units)
    assert len(text) == session.conversation.window.preserved_rows + rows


def test_a_unit_larger_than_the_cache_is_refused_before_anything_is_forgotten(
    new_session, make_unit
):
    window = WindowOptions(WindowMode.CONTEXT, max_units=1000, previous_max=30)
    session = new_session(window=window, context_tokens=200)
    for index in range(3):
        session.step(make_unit(index))
    image = np.full((4, 4, 3), 30, np.uint8)
    before = session.conversation.length
    with pytest.raises(ContextOverflowError):
        session.step(make_unit(3, images=(image,) * 30))
    assert session.conversation.length == before
    assert session.conversation.window.dropped_units == 0
    assert session.step(make_unit(3)).context_tokens > before


def test_a_closed_session_says_so(new_session, make_unit):
    session = new_session()
    session.step(make_unit(0))
    session.close()
    session.close()
    assert session.conversation.stream.cache.nbytes == 0
    with pytest.raises(SessionStateError):
        session.step(make_unit(1))
