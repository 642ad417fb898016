# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The padded language model computes what the plain one does."""

import pytest
import torch

from minicpmo.checks.duplex_check import check_trace
from minicpmo.checks.recorded_session import RecordedModel
from minicpmo.checks.vectors import Vectors
from minicpmo.context_window import WindowChange
from minicpmo.errors import ContextOverflowError
from minicpmo.graph import language_graph
from minicpmo.graph.captured_step import GraphPool, doubling_sizes
from minicpmo.language_stream import LanguageStream

CPU = torch.device('cpu')
CLOSE = {'atol': 2e-5, 'rtol': 2e-5}


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch):
    """Let a cache of the tests have several sizes."""
    monkeypatch.setattr(language_graph, 'SHORTEST_VISIBLE', 64)


def streams(model, capacity):
    return LanguageStream(model, capacity), LanguageStream(model, capacity, GraphPool(CPU))


def rows_of(model, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return model.embed(torch.randint(200, (count,), generator=generator))


def valid_rows(stream):
    cache = stream.cache
    return cache.keys[:, :, : cache.length], cache.values[:, :, : cache.length]


@torch.inference_mode()
@pytest.mark.parametrize('pieces', [(13, 1, 1, 79, 16, 17, 1), (200, 3), (1, 1), (96, 97, 100)])
def test_padded_forwards_equal_plain_ones(language_model, pieces):
    plain, padded = streams(language_model, 400)
    for seed, count in enumerate(pieces):
        rows = rows_of(language_model, count, seed)
        expected, found = plain.feed(rows), padded.feed(rows)
        torch.testing.assert_close(found, expected, **CLOSE)
        torch.testing.assert_close(padded.logits(found), plain.logits(expected), **CLOSE)
        assert padded.length == plain.length
        for ours, theirs in zip(valid_rows(padded), valid_rows(plain), strict=True):
            torch.testing.assert_close(ours, theirs, **CLOSE)
    assert (padded.forwards, padded.vocabulary_rows) == (plain.forwards, plain.vocabulary_rows)


@torch.inference_mode()
def test_tokens_are_fed_one_by_one_up_to_the_last_row(language_model):
    plain, padded = streams(language_model, 70)
    for stream in (plain, padded):
        stream.feed(rows_of(language_model, 60))
    for token in range(10):
        expected = plain.feed_ids((token,))
        torch.testing.assert_close(padded.feed_ids((token,)), expected, **CLOSE)
    with pytest.raises(ContextOverflowError):
        padded.feed_ids((1,))


@torch.inference_mode()
def test_an_input_whose_padding_does_not_fit_is_fed_as_it_is(language_model):
    plain, padded = streams(language_model, 70)
    for count in (58, 12):
        rows = rows_of(language_model, count)
        torch.testing.assert_close(padded.feed(rows), plain.feed(rows), **CLOSE)
    assert padded.length == 70


@torch.inference_mode()
def test_what_padding_leaves_behind_is_never_seen(language_model):
    """Rows beyond the length may hold anything finite, also after the cache was cut."""
    plain, padded = streams(language_model, 200)
    for stream in (plain, padded):
        stream.feed(rows_of(language_model, 90))
        stream.cache.truncate(20)
        stream.cache.keys[:, :, 20:] = 30.0
        stream.cache.values[:, :, 20:] = -30.0
    rows = rows_of(language_model, 5, seed=3)
    torch.testing.assert_close(padded.feed(rows), plain.feed(rows), **CLOSE)
    torch.testing.assert_close(padded.feed_ids((7,)), plain.feed_ids((7,)), **CLOSE)


@torch.inference_mode()
def test_a_renewed_stream_equals_one_that_was_fed_the_kept_rows(language_model):
    plain = LanguageStream(language_model, 200)
    kept = LanguageStream(language_model, 200, GraphPool(CPU), keeps_rows=True)
    kept.feed_ids((1, 2, 3))  # prefix
    kept.feed_ids((4, 5))  # suffix
    for seed, count in enumerate((30, 20, 10)):
        kept.feed(rows_of(language_model, count, seed))
        kept.feed_ids((6 + seed,))
    kept.renew(WindowChange(0, 31, (9, 9)), 3, (9, 9), (4, 5))
    plain.feed_ids((1, 2, 3, 9, 9, 4, 5))
    plain.feed(rows_of(language_model, 20, 1))
    plain.feed_ids((7,))
    plain.feed(rows_of(language_model, 10, 2))
    plain.feed_ids((8,))
    assert kept.length == plain.length
    for ours, theirs in zip(valid_rows(kept), valid_rows(plain), strict=True):
        torch.testing.assert_close(ours, theirs, **CLOSE)
    kept.release()
    assert kept.cache.nbytes == 0


def test_few_sizes_cover_a_cache():
    assert doubling_sizes(512, 8192) == (512, 1024, 2048, 4096, 8192)
    assert doubling_sizes(512, 9024) == (512, 1024, 2048, 4096, 8192, 9024)
    assert doubling_sizes(512, 300) == (300,)


@pytest.mark.parametrize('name', ['duplex_window_context', 'duplex_audio'])
def test_recorded_conversations_pass_on_fixed_shapes(vectors, name):
    """Windows that move, speech and turns; ``minicpmo.check --fixed-shapes`` runs all of them."""
    recorded = RecordedModel.load(Vectors(vectors.folder, fixed_shapes=True))
    results = list(check_trace(recorded, name))
    assert len(results) == 3
    assert [result.line() for result in results if not result.passed] == []
