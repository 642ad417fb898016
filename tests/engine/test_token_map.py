# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The engine knows tokens by name only: a recorded set with other ids gives the same result."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file
import torch

from minicpmo import check
from minicpmo.checks.vectors import Vectors

STAGES = ('llm', 'decode', 'tts', 'duplex')
TRACES = ('duplex_omni', 'duplex_sampling', 'duplex_window_context')
ID_FIELDS = {
    'all_special_ids',
    'audio_bos_token_id',
    'bad_token_ids',
    'bos_token_id',
    'chosen',
    'eos_token_id',
    'final_draw',
    'first_draw',
    'forbidden_ids',
    'generated_tokens_for_penalty',
    'history',
    'history_after',
    'ids',
    'listen_id_used_by_rules',
    'next_id',
    'previous_ids',
    'res_ids',
    'skip_special',
    'special',
    'terminator_id',
    'text_eos_token_id',
    'token_ids',
    'top8_ids',
    'total_ids',
    'unit_ids',
}
BY_ID = {'token_bytes_hex', 'token_text', 'tiny_to_real'}
ROWS = ('llm.model.embed_tokens.weight', 'llm.lm_head.weight', 'tts.emb_text.weight')


class TokenMap:
    """Gives every token another id."""

    def __init__(self, size):
        self.new = torch.randperm(size, generator=torch.Generator().manual_seed(7)).tolist()
        self.old = [0] * size
        for old, new in enumerate(self.new):
            self.old[new] = old

    def ids(self, value):
        if isinstance(value, dict):
            return {key: self.ids(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.ids(item) for item in value]
        return self.new[value] if isinstance(value, int) else value

    def json(self, value, key=''):
        if key in ID_FIELDS:
            return self.ids(value)
        if key in BY_ID:
            return [value[old] for old in self.old]
        if isinstance(value, list):
            return [self.json(item) for item in value]
        if not isinstance(value, dict):
            return value
        moved = {name: self.json(item, name) for name, item in value.items()}
        if 'final_support' in value:
            pairs = zip(self.ids(value['final_support']), value['final_probs'], strict=True)
            support, probabilities = zip(*sorted(pairs), strict=True)
            moved |= {'final_support': list(support), 'final_probs': list(probabilities)}
        return moved

    def tensor(self, name, value):
        old = torch.tensor(self.old)
        if name in ROWS:
            extra = torch.arange(len(old), len(value))
            return value[torch.cat((old, extra))].contiguous()
        if value.shape[-1] == len(old) and ('logits' in name or 'probs' in name):
            return value[..., old].contiguous()
        return value


@pytest.fixture(scope='module')
def remapped(vectors, tmp_path_factory):
    folder = tmp_path_factory.mktemp('remapped') / 'recorded'
    shutil.copytree(vectors.folder, folder)
    token_map = TokenMap(vectors.id_map['vocab_size'])
    for path in folder.glob('*.json'):
        if path.stem.startswith('duplex_') and path.stem not in TRACES:
            path.unlink()
            continue
        path.write_text(json.dumps(token_map.json(json.loads(path.read_text()))))
    for path in folder.glob('*.safetensors'):
        tensors = load_file(path)
        save_file({name: token_map.tensor(name, t) for name, t in tensors.items()}, path)
    return Vectors(folder)


@pytest.mark.parametrize('stage', STAGES)
def test_another_token_map_gives_the_same_result(remapped, stage):
    results = list(check.run(remapped, [stage]))
    assert results
    assert [result.line() for result in results if not result.passed] == []
    if stage == 'duplex':
        assert sum(result.name.startswith('trace ') for result in results) == len(TRACES)
