# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from minicpmo.chat import ChatOptions, ChatSession
from minicpmo.chat_prompt import Message
from minicpmo.chat_sampling import (
    CHAT_TEXT_SAMPLING,
    HALF_DUPLEX_TEXT_SAMPLING,
    ChatChooser,
    unspoken_ids,
)
from minicpmo.errors import ConfigurationError, InputError, SessionStateError
from minicpmo.sampling import SamplingOptions

GREEDY = SamplingOptions(greedy=True, repetition_penalty=1.02, repetition_window=2**31)
QUESTION = (Message('user', ('Hi',)),)


@pytest.fixture
def new_chat(omni_model, tokenizer):
    def make(speech=None, **options) -> ChatSession:
        options.setdefault('sampling', GREEDY)
        options.setdefault('max_tokens', 24)
        options.setdefault('context_tokens', 600)
        options.setdefault('image_ids', False)  # the small vocabulary has no digits
        return ChatSession(omni_model, tokenizer, speech, ChatOptions(**options))

    return make


def media_messages():
    image = np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8)
    sound = np.random.default_rng(1).normal(0, 0.1, 24000).astype(np.float32)
    return (Message('system', ('Be helpful.', sound)), Message('user', (image, sound, 'Hello')))


def without_cache(omni_model, tokenizer, messages, count):
    """Answer greedily by running the whole sequence again for every token."""
    text = ''.join(f'<|im_start|>{m.role}\n{m.content[0]}<|im_end|>\n' for m in messages)
    text += '<|im_start|>assistant\n<think>\n\n</think>\n\n'
    ids = tokenizer.encode(text)
    answer = []
    with torch.no_grad():
        for _ in range(count):
            rows = omni_model.llm.embed(torch.tensor([ids + answer]))
            logits = omni_model.llm.logits(omni_model.llm(rows)[0, -1])
            for token in set(answer):
                logits[token] *= 1.02 if logits[token] < 0 else 1 / 1.02
            answer.append(int(logits.argmax()))
    return answer


def test_an_answer_equals_one_computed_without_a_cache(new_chat, omni_model, tokenizer):
    chat = new_chat(max_tokens=12)
    text = chat.reply_text(QUESTION)
    expected = without_cache(omni_model, tokenizer, QUESTION, 12)
    assert text == tokenizer.decode(expected)
    assert chat.stream.forwards == 1 + 12


def test_streamed_pieces_are_the_whole_answer(new_chat):
    chat = new_chat(sampling=SamplingOptions(temperature=1.5, top_k=0, top_p=1.0), seed=4)
    pieces = list(chat.reply(media_messages()))
    again = new_chat(sampling=SamplingOptions(temperature=1.5, top_k=0, top_p=1.0), seed=4)
    assert ''.join(piece.text for piece in pieces) == again.reply_text(media_messages())
    assert [piece.finished for piece in pieces[-2:]] == [False, True]
    assert len(pieces) > 5


def test_an_answer_does_not_depend_on_the_one_before(new_chat):
    chat = new_chat()
    first = chat.reply_text(QUESTION)
    chat.reply_text(media_messages())
    assert chat.reply_text(QUESTION) == first


def test_pictures_and_sound_change_the_answer(new_chat):
    chat = new_chat()
    full = chat.reply_text(media_messages())
    system, user = media_messages()
    silent = Message('user', (user.content[0], np.zeros(24000, np.float32), 'Hello'))
    assert chat.reply_text((system, silent)) != full


def test_words_are_spoken_in_tens(new_chat, recording_speech):
    chat = new_chat(recording_speech, max_tokens=24)
    pieces = list(chat.reply(QUESTION))
    spoken = [call for call in recording_speech.calls if call[0] == 'speak']
    assert [(len(ids), end) for _, ids, end in spoken] == [(10, False), (10, False), (4, True)]
    assert sum(len(p.speech) for p in pieces if p.speech is not None) == 24 * 2400


def test_an_answer_stops_at_the_end_of_the_message(new_chat, tokenizer, monkeypatch):
    chat = new_chat()
    script = iter([10, 11, tokenizer.token_id('<|im_end|>')])
    monkeypatch.setattr(chat._chooser, 'choose', lambda logits: next(script))
    assert chat.reply_text(QUESTION) == tokenizer.decode([10, 11])


def test_a_character_is_never_cut_in_two(new_chat, tokenizer, monkeypatch):
    chat = new_chat(max_tokens=4)
    halves = [i for i in range(tokenizer.vocab_size) if tokenizer.decode([i]) == '\ufffd']
    whole = next((a, b) for a in halves for b in halves if len(tokenizer.decode([a, b])) == 1)
    if tokenizer.decode(whole) == '\ufffd':
        whole = (halves[0], halves[1])
    script = iter([10, *whole, 11])
    monkeypatch.setattr(chat._chooser, 'choose', lambda logits: next(script))
    pieces = [piece.text for piece in chat.reply(QUESTION) if piece.text]
    assert ''.join(pieces) == tokenizer.decode([10, *whole, 11])
    assert pieces[0] == tokenizer.decode([10])
    assert not any(piece.endswith('\ufffd') for piece in pieces[:-1])


def test_a_new_question_cuts_the_answer_that_is_being_read(new_chat):
    chat = new_chat()
    old = chat.reply(QUESTION)
    next(old)
    expected = new_chat().reply_text(media_messages())
    assert chat.reply_text(media_messages()) == expected
    assert list(old) == []


def test_messages_longer_than_the_context_are_refused(new_chat):
    chat = new_chat(max_tokens=10, context_tokens=40)
    with pytest.raises(InputError, match='40|39'):
        chat.reply((Message('user', ('Hello ' * 50,)),))
    assert chat.reply_text(QUESTION)


def test_a_closed_session_says_so(new_chat):
    chat = new_chat()
    chat.close()
    chat.close()
    with pytest.raises(SessionStateError):
        chat.reply(QUESTION)


def test_the_rules_are_those_of_the_specification():
    options = CHAT_TEXT_SAMPLING
    assert (options.temperature, options.top_p, options.top_k) == (0.7, 0.8, 100)
    assert options.repetition_penalty == HALF_DUPLEX_TEXT_SAMPLING.repetition_penalty == 1.02
    assert HALF_DUPLEX_TEXT_SAMPLING.repetition_window == 128


def test_a_repeated_token_becomes_less_likely_whatever_its_sign(tokenizer):
    chooser = ChatChooser(tokenizer.vocab_size, SamplingOptions(greedy=True), forbidden_ids=(3,))
    logits = torch.full((tokenizer.vocab_size,), -2.0)
    logits[5] = 4.0
    assert chooser.choose(logits) == 5
    logits[5] = -1.9
    processed = chooser.process(logits)
    assert processed[5] == pytest.approx(-1.9 * 1.05)
    assert processed[3] == -torch.inf
    chooser.begin_answer()
    assert chooser.process(logits)[5] == pytest.approx(-1.9)


def test_unspoken_marks_are_single_tokens_and_bad_ids(tokenizer):
    found = unspoken_ids(tokenizer)
    assert set(tokenizer.bad_ids) <= set(found)
    assert tokenizer.encode(':')[0] in found
    assert tokenizer.encode('A')[0] not in found


def test_options_without_a_meaning_are_refused():
    with pytest.raises(ConfigurationError):
        ChatOptions(max_tokens=100, context_tokens=100)
    with pytest.raises(InputError):
        ChatOptions(max_slices=0).format(speech=False)
