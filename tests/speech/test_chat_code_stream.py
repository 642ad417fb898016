# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
import torch

from minicpmo.errors import ConfigurationError
from minicpmo.speech import chat_code_stream
from minicpmo.speech.backbone import SpeechCache
from minicpmo.speech.chat_code_stream import ChatCodeStream
from minicpmo.speech.chat_context import CONTEXTS, ChatChunk, Reindex, SlidingRecompute
from minicpmo.speech.code_sampler import CHAT_SAMPLING
from minicpmo.speech.decoder import SpeechDecoder

LIMIT = 12


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    """Random weights rarely draw the end code, so chunks end at a limit."""
    monkeypatch.setattr(chat_code_stream, 'MAX_CODES_PER_CHUNK', LIMIT)


def reply(stream, hidden, chunks):
    return [
        stream.generate([1, 2, chunk], hidden(3, chunk), chunk == chunks - 1)
        for chunk in range(chunks)
    ]


def small_window(decoder, rows, positions=4096):
    config = replace(
        decoder.config,
        streaming_sliding_window_audio_window_size=rows,
        max_position_embeddings=positions,
    )
    small = SpeechDecoder(config, 8).prepare()
    small.load_state_dict(decoder.state_dict())
    return small


def test_modes_agree_while_the_context_is_short(decoder, hidden):
    spoken = {
        kind: reply(ChatCodeStream(decoder, attention_type=kind), hidden, 2) for kind in CONTEXTS
    }
    assert all(codes == spoken['full_attention'] for codes in spoken.values())
    longer = {
        kind: reply(ChatCodeStream(decoder, attention_type=kind), hidden, 5) for kind in CONTEXTS
    }
    assert longer['sliding_window'] == longer['full_attention']
    assert longer['sliding_recompute'] != longer['full_attention']
    assert longer['reindex'] != longer['full_attention']


@pytest.mark.parametrize('kind', list(CONTEXTS))
def test_context_is_bounded_except_in_full_attention(decoder, hidden, kind):
    stream = ChatCodeStream(small_window(decoder, 20, positions=200), attention_type=kind)
    lengths = []
    for chunk in range(25):
        stream.generate([1, 2, chunk], hidden(3, chunk), False)
        lengths.append(stream.length)
    assert max(lengths) <= stream._cache.capacity
    assert (stream.restarts > 0) == (kind == 'full_attention')
    if kind in ('sliding_recompute', 'reindex'):
        assert max(lengths) <= 3 * (4 + LIMIT)


def test_sliding_window_equals_a_masked_full_forward(decoder):
    """One layer deep the window is exactly an attention mask over the last rows."""
    window = 5
    small = small_window(decoder, window)
    rows = torch.randn(14, decoder.config.hidden_size)
    cache = small.new_cache()
    context = CONTEXTS['sliding_window'](small, cache)
    with torch.no_grad():
        for row in rows.split(1):
            small.feed(row, cache, context.first_row())
        layer, reference = small.model.layers[0], small.new_cache()
        step = small.model.plan(reference, 14)
        index = torch.arange(14)
        band = (index[None] <= index[:, None]) & (index[None] >= index[:, None] - window)
        step = replace(step, mask=band)
        expected = layer(rows, reference.keys[0], reference.values[0], step)
        second = small.model.layers[1]
        normed = second.input_layernorm(expected)
        values = second.self_attn.v_proj(normed)
    heads = values.view(14, 2, -1).transpose(0, 1)
    torch.testing.assert_close(cache.values[1][:, :14], heads, atol=1e-5, rtol=1e-4)


def test_window_moves_inside_a_fixed_cache(decoder):
    small = small_window(decoder, 6, positions=32)
    rows = torch.randn(80, decoder.config.hidden_size)
    wide = small_window(decoder, 6)
    caches = [small.new_cache(), wide.new_cache()]
    contexts = [
        CONTEXTS['sliding_window'](m, c) for m, c in zip((small, wide), caches, strict=True)
    ]
    with torch.no_grad():
        for row in rows.split(1):
            found = small.feed(row, caches[0], contexts[0].first_row())
            expected = wide.feed(row, caches[1], contexts[1].first_row())
    assert caches[0].capacity == 32
    assert caches[0].position == caches[1].position == 80
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_recompute_sees_the_previous_chunk_from_position_zero(decoder):
    cache = decoder.new_cache()
    cache.length = cache.position = 77
    width = decoder.config.hidden_size
    chunks = [
        ChatChunk(torch.randn(2, width), [5, 6]),
        ChatChunk(torch.randn(3, width), [7, 8, 9]),
    ]
    condition = torch.randn(4, width)
    rows = SlidingRecompute(decoder, cache).begin(condition, chunks)
    assert (cache.length, cache.position) == (0, 0)
    expected = torch.cat((chunks[1].condition, decoder.code_rows([7, 8, 9]), condition))
    torch.testing.assert_close(rows, expected)


def test_reindex_moves_the_previous_chunk_behind_the_first(decoder):
    """Keys of the lowest layer depend on row and position only, so they can be computed anew."""
    width = decoder.config.hidden_size
    parts = [torch.randn(count, width) for count in (4, 6, 5)]
    moved, direct = decoder.new_cache(), decoder.new_cache()
    chunks = [ChatChunk(part[:-1], [0]) for part in parts]
    with torch.no_grad():
        decoder.feed(torch.cat(parts), moved)
        Reindex(decoder, moved).begin(torch.zeros(1, width), chunks)
        decoder.feed(torch.cat((parts[0], parts[2])), direct)
    assert moved.length == moved.position == 9
    torch.testing.assert_close(moved.keys[0, :, :9], direct.keys[0, :, :9], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(moved.values[0, :, :9], direct.values[0, :, :9])


def test_replies_are_repeatable_and_independent(decoder, hidden):
    stream = ChatCodeStream(decoder, CHAT_SAMPLING)
    first = [reply(stream, hidden, 3), reply(stream, hidden, 2)]
    assert stream.length == 0
    stream.reset()
    assert [reply(stream, hidden, 3), reply(stream, hidden, 2)] == first
    other, third = ChatCodeStream(decoder), ChatCodeStream(decoder)
    found = [[], []]
    for chunk in range(3):
        for codes, one in zip(found, (other, third), strict=True):
            codes.append(one.generate([1, 2, chunk], hidden(3, chunk), chunk == 2))
    assert found == [first[0], first[0]]


def test_unknown_attention_type_is_refused(decoder):
    with pytest.raises(ConfigurationError, match='reindex'):
        ChatCodeStream(decoder, attention_type='flash')


def test_keep_reorders_rows():
    cache = SpeechCache(
        torch.arange(6.0).view(1, 1, 6, 1), torch.arange(6.0).view(1, 1, 6, 1), 6, 9
    )
    cache.keep(torch.tensor([0, 4, 5]))
    assert cache.keys[0, 0, :3, 0].tolist() == [0, 4, 5]
    assert (cache.length, cache.position) == (3, 9)
