# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from minicpmo.special_token import SpecialTokens
from minicpmo.tokenizer import PretrainedTokenizer
from training.nano.pacing import split_into_units
from training.nano.speech_corpus import spoken_sentences
from training.nano.tokenizer_builder import write_tokenizer

FOLDER = Path(__file__).parents[2] / 'model' / 'nano'


@pytest.fixture(scope='module')
def tokenizer() -> PretrainedTokenizer:
    return PretrainedTokenizer(FOLDER)


def test_building_again_gives_the_shipped_files(tmp_path):
    write_tokenizer(tmp_path)
    for name in ('tokenizer.json', 'tokenizer_config.json'):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


@pytest.mark.parametrize('text', ['', 'Hello', ' spaced  out\n\n', 'grüß dich 世界 🙂', '42 <b>'])
def test_any_text_comes_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_spoken_units_are_short(tokenizer):
    for sentence in spoken_sentences():
        for part in split_into_units(sentence):
            ids = tokenizer.encode(part)
            assert len(ids) <= 8
            assert tokenizer.decode(ids) == part


def test_special_tokens_have_the_names_of_the_full_model(tokenizer):
    SpecialTokens.from_tokenizer(tokenizer)
    for name in ('<unit>', '</unit>', '<|listen|>', '<|speak|>', '<|turn_eos|>', '<|chunk_eos|>'):
        assert tokenizer.encode(name) == [tokenizer.token_id(name)]
        assert tokenizer.decode([tokenizer.token_id(name)]) == ''
    assert tokenizer.token_id('<|turn_eos|>') not in tokenizer.special_ids
