# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
import torch

from minicpmo.checks.speech_decoder_check import load_speech_decoder
from minicpmo.config import SpeechConfig
from minicpmo.errors import InputError
from minicpmo.speech.code_sampler import CodeSampling
from minicpmo.speech.code_stream import DuplexCodeStream
from minicpmo.speech.condition import chat_condition, duplex_condition
from minicpmo.speech.decoder import SpeechDecoder

SAMPLING = CodeSampling(seed=5)


def turn(stream, hidden, units=4, first=0):
    return [
        stream.generate([1, 2, 3 + unit], hidden(3, first + unit), unit == units - 1)
        for unit in range(units)
    ]


def test_rows_in_pieces_equal_rows_at_once(decoder):
    rows = torch.randn(30, decoder.config.hidden_size)
    whole, pieces = decoder.new_cache(), decoder.new_cache()
    with torch.no_grad():
        expected = decoder.feed(rows, whole)
        for part in rows.split([1, 7, 1, 20, 1]):
            found = decoder.feed(part, pieces)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(pieces.keys[:, :, :30], whole.keys[:, :, :30], atol=1e-5, rtol=1e-4)


def test_steps_of_equal_shape_give_the_same_rows(decoder):
    caches = [decoder.new_cache(), decoder.new_cache()]
    model = decoder.model
    with torch.no_grad():
        for row in torch.randn(12, decoder.config.hidden_size).split(1):
            expected = model(row, caches[0], model.plan(caches[0], 1))
            step = model.plan(caches[1], 1, span=64)
            assert step.mask.shape == (1, 64)
            found = model(row, caches[1], step)
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_bfloat16_stays_near_float32(recorded, decoder, hidden):
    half = load_speech_decoder(recorded).to(torch.bfloat16)
    with torch.no_grad():
        logits = [
            one.logits(one.feed(duplex_condition(one, [1, 2, 3], hidden(3)), one.new_cache()))
            for one in (decoder, half)
        ]
    assert logits[1].dtype == torch.float32
    error = (logits[1] - logits[0]).abs()
    assert 0 < error.max() < 0.1 * logits[0].abs().max()
    stream = DuplexCodeStream(half, SAMPLING)
    assert len(stream.generate([1, 2], hidden(2), False)) <= 25


def test_last_code_joins_the_next_unit(decoder, hidden):
    """The context equals that of a decoder that feeds each code at once."""
    stream = DuplexCodeStream(decoder, CodeSampling(seed=None))
    first = stream.generate([1, 2], hidden(2), False)
    assert len(first) == 25
    assert stream.length == 3 + 25
    stream.generate([4], hidden(1, 1), False)
    by_hand = decoder.new_cache()
    with torch.no_grad():
        decoder.feed(duplex_condition(decoder, [1, 2], hidden(2)), by_hand)
        for code in first:
            decoder.feed(decoder.code_rows([code]), by_hand)
        decoder.feed(duplex_condition(decoder, [4], hidden(1, 1)), by_hand)
    used = by_hand.length
    torch.testing.assert_close(
        stream._cache.keys[:, :, :used], by_hand.keys[:, :, :used], atol=1e-5, rtol=1e-4
    )


def test_two_interleaved_streams_equal_separate_ones(decoder, hidden):
    alone = [turn(DuplexCodeStream(decoder, SAMPLING), hidden, first=f) for f in (0, 50)]
    streams = [DuplexCodeStream(decoder, SAMPLING) for _ in range(2)]
    found = [[], []]
    for unit in range(4):
        for stream, codes, first in zip(streams, found, (0, 50), strict=True):
            codes.append(stream.generate([1, 2, 3 + unit], hidden(3, first + unit), unit == 3))
    assert found == alone
    assert found[0] != found[1]


def test_reset_repeats_everything(decoder, hidden):
    stream = DuplexCodeStream(decoder, SAMPLING)
    first = [turn(stream, hidden), turn(stream, hidden, 2, 9)]
    stream.reset()
    assert [turn(stream, hidden), turn(stream, hidden, 2, 9)] == first


def test_minimum_and_start_follow_the_turn(decoder, hidden):
    stream = DuplexCodeStream(decoder, SAMPLING)
    stream.generate([1], hidden(1), False)
    assert (stream.trace.start, stream.trace.minimum) == (0, 0)
    start = stream.trace.next_start
    stream.generate([], None, False)
    assert (stream.trace.start, stream.trace.minimum) == (start, 26)
    stream.generate([2], hidden(1), True)
    assert stream.trace.minimum == 0
    assert stream.length == 0


def test_a_turn_longer_than_the_decoder_begins_a_new_context(decoder, hidden):
    short = SpeechDecoder(replace(decoder.config, max_position_embeddings=100), 8)
    short.prepare().load_state_dict(decoder.state_dict())
    stream = DuplexCodeStream(short, SAMPLING)
    lengths = []
    for unit in range(12):
        assert len(stream.generate([1, 2], hidden(2, unit), False)) <= 25
        lengths.append(stream.length)
    assert max(lengths) <= 100
    assert stream.restarts >= 3


def test_whole_chat_condition_ends_with_text_end(decoder, hidden):
    rows = hidden(2)
    middle = chat_condition(decoder, [1, 2], rows, text_finished=False)
    last = chat_condition(decoder, [1, 2], rows, text_finished=True)
    torch.testing.assert_close(middle, duplex_condition(decoder, [1, 2], rows))
    torch.testing.assert_close(last[:2], middle[:2])
    torch.testing.assert_close(last[2:3], decoder.text_end_row())
    torch.testing.assert_close(last[3:], decoder.audio_begin_row())


@pytest.mark.parametrize(
    ('ids', 'shape'),
    [([1, 2], (1, 256)), ([1], (1, 255)), ([1], None), ([318], (1, 256)), ([-1], (1, 256))],
)
def test_bad_input_changes_nothing(decoder, hidden, ids, shape):
    stream = DuplexCodeStream(decoder, SAMPLING)
    stream.generate([1], hidden(1), False)
    expected = stream.length
    with pytest.raises(InputError):
        stream.generate(ids, None if shape is None else torch.zeros(shape), False)
    assert stream.length == expected
    other = DuplexCodeStream(decoder, SAMPLING)
    other.generate([1], hidden(1), False)
    assert stream.generate([2], hidden(1, 3), False) == other.generate([2], hidden(1, 3), False)


def test_official_names_and_sizes():
    """All 205 tensors of the released speech decoder, before anything is folded."""
    with torch.device('meta'):
        decoder = SpeechDecoder(SpeechConfig())
    shapes = {name: tuple(value.shape) for name, value in decoder.state_dict().items()}
    assert shapes['head_code.0.parametrizations.weight.original0'] == (6562, 1)
    assert shapes['model.embed_tokens.weight'] == (32000, 768)
    assert sum(value.numel() for value in decoder.state_dict().values()) == 347696290


def test_grouped_heads_are_supported():
    config = SpeechConfig(
        llm_dim=32,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        num_audio_tokens=50,
        num_text_tokens=20,
        audio_bos_token_id=18,
        text_eos_token_id=19,
    )
    decoder = SpeechDecoder(config, 2).prepare()
    rows = torch.randn(9, 16)
    with torch.no_grad():
        whole = decoder.feed(rows, decoder.new_cache())
        cache = decoder.new_cache()
        for row in rows.split(1):
            found = decoder.feed(row, cache)
    torch.testing.assert_close(found, whole, atol=1e-5, rtol=1e-4)
