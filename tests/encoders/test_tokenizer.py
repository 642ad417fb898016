# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recorded token bytes, a generic tokenizer folder, and damaged folders."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from minicpmo.checks import tokenizer_cases
from minicpmo.errors import CheckpointError, ConfigurationError, InputError
from minicpmo.tokenizer import PretrainedTokenizer, TextTokenizer, VectorTokenizer

ID_MAP = Path(__file__).parents[1] / 'data' / 'minicpmo45' / 'id_map.json'
SPECIAL = ['<|im_start|>', '<|im_end|>', '<unit>', '</unit>', '<|listen|>']


@pytest.fixture(scope='module')
def vector_tokenizer() -> VectorTokenizer:
    return VectorTokenizer.from_file(ID_MAP)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Write a byte-level tokenizer of the generic one-file kind."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in SPECIAL])
    tokenizer.add_tokens([AddedToken('<think>', special=False)])
    tokenizer.save(str(tmp_path / 'tokenizer.json'))
    config = {'eos_token': '<|im_end|>', 'bad_token_ids': [3, 5]}
    (tmp_path / 'tokenizer_config.json').write_text(json.dumps(config), encoding='utf-8')
    return tmp_path


def test_every_recorded_text_is_joined_from_bytes(vector_tokenizer):
    id_map = json.loads(ID_MAP.read_text(encoding='utf-8'))
    for id_, text in enumerate(id_map['token_text']):
        assert vector_tokenizer.decode([id_], skip_special=False) == text


def test_special_names_give_recorded_ids(vector_tokenizer):
    for name, id_ in json.loads(ID_MAP.read_text(encoding='utf-8'))['special'].items():
        assert vector_tokenizer.token_id(name) == id_
        assert vector_tokenizer.decode([id_]) == ''
        assert vector_tokenizer.decode([id_], skip_special=False) == name


def test_incomplete_utf8_joins_across_tokens_and_is_marked_alone():
    tokenizer = VectorTokenizer(
        {
            'vocab_size': 4,
            'token_bytes_hex': ['e4', 'bda0', '3c613e', '41'],
            'token_text': ['�', '��', '<a>', 'A'],
            'special': {'<a>': 2},
            'skip_special': [2],
            'all_special_ids': [2],
            'bad_token_ids': [],
            'eos_token_id': 2,
        }
    )
    assert tokenizer.decode([0, 2, 1, 3]) == '你A'
    assert tokenizer.decode([0, 3]) == '\ufffdA'
    assert tokenizer.encode('你<a>A') == [0, 1, 2, 3]


def test_vector_encode_round_trips_and_refuses_what_it_cannot_cover(vector_tokenizer):
    text = '<|im_start|>system\nStreaming Omni Conversation.\n<|audio_start|>'
    ids = vector_tokenizer.encode(text)
    assert vector_tokenizer.decode(ids, skip_special=False) == text
    assert ids[0] == vector_tokenizer.token_id('<|im_start|>')
    with pytest.raises(InputError, match='no token covers'):
        vector_tokenizer.encode('ω')


def test_generic_folder(folder):
    tokenizer = PretrainedTokenizer(folder)
    assert isinstance(tokenizer, TextTokenizer)
    ids = tokenizer.encode('<unit>Hé<think></unit>')
    assert ids[0] == tokenizer.token_id('<unit>')
    assert tokenizer.decode(ids) == 'Hé<think>'
    assert tokenizer.decode(ids, skip_special=False) == '<unit>Hé<think></unit>'
    assert tokenizer.bad_ids == (3, 5)
    assert tokenizer.eos_id == tokenizer.token_id('<|im_end|>')
    assert tokenizer.token_id('<think>') not in tokenizer.skip_ids


@pytest.mark.parametrize('source', ['vector', 'folder'])
def test_unknown_token_name_is_a_typed_error(source, vector_tokenizer, folder):
    tokenizer = vector_tokenizer if source == 'vector' else PretrainedTokenizer(folder)
    with pytest.raises(ConfigurationError, match='<nope>'):
        tokenizer.token_id('<nope>')


def test_folder_without_vocabulary_is_refused(folder):
    (folder / 'tokenizer.json').unlink()
    with pytest.raises(CheckpointError, match='neither tokenizer.json nor vocab.json'):
        PretrainedTokenizer(folder)


def test_truncated_vocabulary_is_refused(folder):
    whole = (folder / 'tokenizer.json').read_bytes()
    (folder / 'tokenizer.json').write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match='download them again'):
        PretrainedTokenizer(folder)


def test_missing_or_damaged_tokenizer_config_is_refused(folder):
    (folder / 'tokenizer_config.json').write_text('{', encoding='utf-8')
    with pytest.raises(CheckpointError, match='not JSON'):
        PretrainedTokenizer(folder)
    (folder / 'tokenizer_config.json').unlink()
    with pytest.raises(CheckpointError, match='does not exist'):
        PretrainedTokenizer(folder)


def test_forbidden_id_outside_the_vocabulary_is_refused(folder):
    config = {'bad_token_ids': [10**6]}
    (folder / 'tokenizer_config.json').write_text(json.dumps(config), encoding='utf-8')
    with pytest.raises(CheckpointError, match='1000000'):
        PretrainedTokenizer(folder)


def test_recorded_cases_are_compared_one_by_one(folder, tmp_path, capsys):
    tokenizer = PretrainedTokenizer(folder)
    text = 'Hé<unit><think>'
    ids = tokenizer.encode(text)
    spoken = 'Hé<think>'
    bad_ids = hashlib.sha256(np.array([3, 5], np.int64).tobytes()).hexdigest()
    cases = {
        'special_ids': {name: tokenizer.token_id(name) for name in SPECIAL},
        'all_special_ids': list(tokenizer.special_ids),
        'dropped_by_skip_special': list(tokenizer.skip_ids),
        'bad_token_count': 2,
        'bad_token_ids_sha256': bad_ids,
        'encode': [{'text': text, 'ids': ids, 'decoded': text, 'decoded_skip_special': spoken}],
        'decode': [{'ids': ids[:2], 'decoded': 'H�', 'skip_special': 'H�'}],
    }
    file = tmp_path / 'cases.json'
    file.write_text(json.dumps(cases), encoding='utf-8')
    assert tokenizer_cases.main([str(folder), str(file)]) == 0
    cases['decode'][0]['skip_special'] = 'H'
    file.write_text(json.dumps(cases), encoding='utf-8')
    assert tokenizer_cases.main([str(folder), str(file)]) == 1
    assert 'spoken' in capsys.readouterr().out
    assert tokenizer_cases.main([str(tmp_path / 'nothing'), str(file)]) == 2
