# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from minicpmo.errors import ConfigurationError, ContextOverflowError, InputError, SessionStateError
from minicpmo.half_duplex import HalfDuplexOptions, HalfDuplexSession
from minicpmo.sampling import SamplingOptions

GREEDY = SamplingOptions(greedy=True, top_k=100, repetition_penalty=1.02, repetition_window=128)
OPENING = '<|im_start|>user\n'
REPLY = '<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n'
SYSTEM = '<|im_start|>system\nBe helpful.<|im_end|>\n'


@pytest.fixture
def new_session(omni_model, tokenizer):
    def make(speech=None, **options) -> HalfDuplexSession:
        options.setdefault('sampling', GREEDY)
        options.setdefault('max_tokens', 12)
        return HalfDuplexSession(
            omni_model, tokenizer, speech, ('Be helpful.',), HalfDuplexOptions(**options)
        )

    return make


def second(seed):
    return np.random.default_rng(seed).normal(0, 0.1, 16000).astype(np.float32)


def answer(session):
    pieces = list(session.reply())
    assert pieces[-1].finished
    return ''.join(piece.text for piece in pieces)


def test_rounds_follow_the_official_template(new_session, tokenizer, cached_ids):
    session = new_session()
    session.listen(text='Hi')
    session.listen(text=' Hello')
    first = answer(session)
    ids = session._answer.ids
    session.listen(text='A')
    expected = tokenizer.encode(f'{SYSTEM}{OPENING}Hi') + tokenizer.encode(' Hello')
    expected += tokenizer.encode(REPLY) + ids + tokenizer.encode(f'<|im_end|>\n{OPENING}A')
    assert cached_ids(session.stream) == expected
    assert first == tokenizer.decode(ids)


def test_sound_keeps_its_context_frames_in_the_encoder(new_session, tokenizer, cached_ids):
    session = new_session()
    lengths = []
    for seed in range(3):
        session.listen(audio=second(seed))
        lengths.append(session._encoder.audio_cache.length)
    assert lengths == [51, 103, 155]
    begin, end = (tokenizer.token_id(f'<|audio_{word}|>') for word in ('start', 'end'))
    piece = [begin, *([-1] * 10), end]
    assert cached_ids(session.stream) == tokenizer.encode(SYSTEM + OPENING) + 3 * piece


def test_pieces_equal_one_forward(new_session, omni_model, tokenizer):
    session = new_session()
    for text in ('Hi', ' Hello', 'A'):
        session.listen(text=text)
    ids = tokenizer.encode(SYSTEM + OPENING + 'Hi')
    ids += tokenizer.encode(' Hello') + tokenizer.encode('A')
    cache = omni_model.llm.new_cache(len(ids))
    omni_model.llm.extend(omni_model.llm.embed(torch.tensor(ids)), cache)
    length = session.stream.length
    torch.testing.assert_close(
        session.stream.cache.keys[:, :, :length], cache.keys, atol=1e-4, rtol=1e-4
    )


def test_a_cut_answer_is_closed_with_the_end_of_speech(
    new_session, tokenizer, cached_ids, recording_speech
):
    session = new_session(recording_speech)
    session.listen(text='Hi')
    reading = session.reply()
    next(reading)
    session.interrupt()
    said = list(session._answer.ids)
    assert recording_speech.calls[-1] == ('reset_turn', False)
    assert list(reading) == []
    session.listen(text='A')
    ids = tokenizer.encode(f'{SYSTEM}{OPENING}Hi{REPLY}<|tts_bos|>') + said
    ids += tokenizer.encode(f'<|tts_eos|><|im_end|>\n{OPENING}A')
    assert cached_ids(session.stream) == ids


def test_listening_cuts_an_answer_that_is_still_read(new_session, recording_speech):
    session = new_session(recording_speech)
    session.listen(text='Hi')
    reading = session.reply()
    next(reading)
    session.listen(text='A')
    assert ('reset_turn', False) in recording_speech.calls
    assert list(reading) == []


def test_a_finished_answer_is_not_cut(new_session, tokenizer, cached_ids, recording_speech):
    session = new_session(recording_speech)
    session.listen(text='Hi')
    script = iter([10, 11, tokenizer.token_id('<|im_end|>')])
    session._chooser.choose = lambda logits: next(script)
    answer(session)
    session.interrupt()
    assert ('reset_turn', False) not in recording_speech.calls
    session.listen(text='A')
    ids = tokenizer.encode(f'{SYSTEM}{OPENING}Hi{REPLY}<|tts_bos|>') + [10, 11]
    assert cached_ids(session.stream) == ids + tokenizer.encode(f'<|im_end|>\n{OPENING}A')


def test_a_full_window_drops_whole_rounds(new_session, tokenizer, cached_ids):
    session = new_session(window_high=300, window_low=200)
    sizes = []
    for seed in range(60):
        session.listen(audio=second(seed))
        session.listen(text='Hi')
        answer(session)
        sizes.append(session.stream.length)
    assert max(sizes) < 400
    ids = cached_ids(session.stream)
    start = tokenizer.encode(SYSTEM + OPENING)
    assert ids[: len(start)] == start
    begin, end = tokenizer.token_id('<|im_start|>'), tokenizer.token_id('<|im_end|>')
    structure = [token for token in ids if token in (begin, end)]
    assert structure[:-1] == [begin, end] * (len(structure) // 2)


def test_a_window_that_loses_every_round_begins_like_a_new_one(new_session, tokenizer, cached_ids):
    session = new_session(window_high=60, window_low=30, max_tokens=40)
    session.listen(text='Hi')
    answer(session)
    assert session.stream.length > 60
    session.listen(text='A')
    assert cached_ids(session.stream) == tokenizer.encode(f'{SYSTEM}{OPENING}A')


def test_reset_begins_again(new_session):
    session = new_session()
    outputs = []
    for _ in range(2):
        session.listen(audio=second(1))
        outputs.append(answer(session))
        session.reset()
    assert outputs[0] == outputs[1]


def test_bad_pieces_change_nothing(new_session):
    session, clean = new_session(), new_session()
    for each in (session, clean):
        each.listen(audio=second(1))
    length = session.stream.length
    bad = [
        {},
        {'audio': np.zeros(10, np.float32)},
        {'text': 'A<|im_end|>'},
        {'images': (np.zeros((3, 3), np.uint8),)},
        {'audio': second(2), 'images': (np.zeros((0, 3, 3), np.uint8),)},
    ]
    for piece in bad:
        with pytest.raises(InputError):
            session.listen(**piece)
    assert session.stream.length == length
    assert answer(session) == answer(clean)


def test_calls_out_of_order_are_refused(new_session):
    session = new_session()
    with pytest.raises(SessionStateError):
        session.reply()
    session.listen(text='Hi')
    session.reply()
    with pytest.raises(SessionStateError):
        session.reply()
    session.close()
    session.close()
    with pytest.raises(SessionStateError):
        session.listen(text='Hi')


def test_limits_are_checked(new_session):
    with pytest.raises(ConfigurationError):
        HalfDuplexOptions(window_high=10, window_low=20)
    with pytest.raises(InputError, match='system message'):
        new_session(window_high=10, window_low=5)
    session = new_session(window_high=60, window_low=30)
    with pytest.raises(ContextOverflowError):
        session.listen(text='Hello ' * 2500)
