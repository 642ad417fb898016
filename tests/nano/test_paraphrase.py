# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from training.nano.paraphrase import paraphrase
from training.nano.pool_stage import sentences_of_other_parts
from training.nano.request import INTENTS, Part, wordings_of
from training.nano.word_corpus import plain

OTHERS = sentences_of_other_parts()


def _drawn(intent: str, count: int = 200) -> list[str]:
    rng = np.random.default_rng(1)
    return [paraphrase(rng, intent, OTHERS) for _ in range(count)]


@pytest.mark.parametrize('intent', INTENTS)
def test_every_request_has_many_clean_wordings(intent):
    texts = [text for text in _drawn(intent) if text]
    assert len(set(texts)) >= 25
    for text in texts:
        assert text[-1] in '.?!' and not set('{}|') & set(text), text
        assert '  ' not in text and ' .' not in text and ' ,' not in text, text


@pytest.mark.parametrize('intent', INTENTS)
def test_training_never_says_a_sentence_of_another_part(intent):
    assert OTHERS.isdisjoint(plain(text) for text in _drawn(intent))


def test_a_pattern_that_only_makes_forbidden_sentences_gives_nothing():
    rng = np.random.default_rng(0)
    texts = frozenset(plain(paraphrase(rng, 'help', frozenset())) for _ in range(5000))
    assert paraphrase(rng, 'help', texts) == ''


def test_the_parts_share_no_wording():
    parts = [{plain(text) for _, text in wordings_of(part)} for part in Part]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]


def test_every_request_has_a_wording_to_decide_by():
    assert all(intent.development for intent in INTENTS.values())
