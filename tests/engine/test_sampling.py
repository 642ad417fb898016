# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from minicpmo.errors import ConfigurationError
from minicpmo.sampling import (
    SamplingOptions,
    SeededDraws,
    TokenChooser,
    candidate_count,
    filtered_distribution,
)
from minicpmo.special_token import SpecialTokens


@pytest.fixture
def tokens(tokenizer) -> SpecialTokens:
    return SpecialTokens.from_tokenizer(tokenizer)


def new_chooser(tokens, tokenizer, **options):
    size = tokenizer.vocab_size
    seed, sampling = options.pop('seed', 0), SamplingOptions(**options)
    draws = SeededDraws(seed, size, candidate_count(size, sampling))
    return TokenChooser(tokens, size, tokenizer.bad_ids, sampling, draws)


def some_logits(tokenizer, seed):
    return torch.randn(tokenizer.vocab_size, generator=torch.Generator().manual_seed(seed)) * 3


def test_the_same_seed_draws_the_same_ids(tokens, tokenizer):
    first, second, other = (new_chooser(tokens, tokenizer, seed=s) for s in (1, 1, 2))
    logits = [some_logits(tokenizer, seed) for seed in range(50)]
    drawn = [first.choose(row) for row in logits]
    assert drawn == [second.choose(row) for row in logits]
    assert drawn != [other.choose(row) for row in logits]
    first.reset()
    assert drawn == [first.choose(row) for row in logits]


def test_a_forbidden_id_is_never_chosen(tokens, tokenizer):
    chooser = new_chooser(tokens, tokenizer, temperature=5.0, top_k=0, top_p=1.0)
    forbidden = {*tokenizer.bad_ids, tokens.speech_pad}
    logits = torch.zeros(tokenizer.vocab_size)
    logits[list(forbidden)] = 3.0
    assert forbidden.isdisjoint(chooser.choose(logits) for _ in range(300))


def test_the_penalty_ends_when_an_id_leaves_the_window(tokens, tokenizer):
    chooser = new_chooser(tokens, tokenizer, greedy=True, repetition_window=3)
    chooser.reset([10, 11, 10, 12])
    logits = torch.full((tokenizer.vocab_size,), 2.1)
    divided = {i for i in (10, 11, 12) if chooser.process(logits)[i] < 2.05}
    assert divided == {10, 11, 12}
    chooser.reset([10, 11, 10, 12, 12])
    assert chooser.process(logits)[11] == pytest.approx(2.1)
    assert chooser.process(logits)[10] == pytest.approx(2.0)
    assert chooser.history == [10, 12, 12]
    assert chooser.history_length == 5


def test_equal_logits_at_the_limit_all_stay():
    logits = torch.tensor([1.0, 3.0, 2.0, 2.0, 2.0, 0.0])
    options = SamplingOptions(top_k=2, top_p=1.0, temperature=1.0)
    ids, probabilities = filtered_distribution(logits, options)
    kept = {int(i) for i, p in zip(ids, probabilities, strict=True) if p > 0}
    assert kept == {1, 2, 3, 4}


def test_the_token_that_exceeds_top_p_stays():
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))
    options = SamplingOptions(top_k=0, top_p=0.6, temperature=1.0)
    ids, probabilities = filtered_distribution(logits, options)
    assert [int(i) for i in ids[probabilities > 0]] == [0, 1]
    torch.testing.assert_close(probabilities[:2], torch.tensor([0.625, 0.375]))


def test_draws_follow_the_probabilities(tokens, tokenizer):
    chooser = new_chooser(
        tokens, tokenizer, temperature=1.0, top_p=1.0, repetition_penalty=1.0, top_k=0
    )
    logits = torch.full((tokenizer.vocab_size,), -30.0)
    logits[[3, 4]] = torch.log(torch.tensor([0.75, 0.25]))
    drawn = [chooser.choose(logits) for _ in range(1000)]
    assert abs(drawn.count(3) / 1000 - 0.75) < 0.05


@pytest.mark.parametrize(
    'options',
    [
        {'temperature': 0.0},
        {'top_p': 0.0},
        {'top_p': 1.5},
        {'top_k': -1},
        {'repetition_window': 0},
        {'length_penalty': -1.0},
    ],
)
def test_options_without_a_meaning_are_refused(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        SamplingOptions(**options)


def test_draws_are_those_of_multinomial():
    draws, generator = SeededDraws(4, 50, 10), torch.Generator().manual_seed(4)
    ids = torch.arange(10)
    for seed in range(100):
        first, final = (
            torch.randn(n, generator=torch.Generator().manual_seed(seed)).softmax(-1)
            for n in (50, 10)
        )
        draws.refresh()
        for found, probabilities in (
            (draws.first(first), first),
            (draws.final(final, ids), final),
        ):
            assert torch.equal(found, torch.multinomial(probabilities, 1, generator=generator))
