# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Strict reading of the official configuration."""

import json
from pathlib import Path

import pytest

from minicpmo.config import ModelConfig
from minicpmo.errors import CheckpointError, ConfigurationError

DATA = Path(__file__).parents[1] / 'data' / 'minicpmo45' / 'config.json'


@pytest.fixture
def official() -> dict:
    return json.loads(DATA.read_text(encoding='utf-8'))['model']


def test_sizes_are_read_and_written_back(official):
    config = ModelConfig.from_dict(official)
    assert (config.llm.hidden_size, config.llm.num_key_value_heads) == (256, 2)
    assert (config.vision.patches_per_side, config.vision_layers) == (70, 2)
    assert (config.resampler_heads, config.audio_rows_per_unit) == (2, 10)
    assert config.speech.end_code == 6561
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_absent_parts_are_none(official):
    del official['tts_config']
    config = ModelConfig.from_dict({**official, 'init_vision': False})
    assert config.speech is None and config.vision is None and config.audio is not None
    assert ModelConfig.from_dict(official).without('vision', 'audio').audio is None
    with pytest.raises(ConfigurationError, match='smell'):
        config.without('smell')


def test_rotation_is_read_from_either_layout(official):
    del official['rope_theta']
    official['rope_parameters'] = {'rope_type': 'default', 'rope_theta': 5e5}
    assert ModelConfig.from_dict(official).llm.rope_theta == 5e5


@pytest.mark.parametrize(
    ('path', 'value', 'message'),
    [
        (['hidden_act'], 'relu', "hidden_act is 'relu'; this engine knows 'silu'"),
        (['vocab_size'], '314', 'must be of type int'),
        (['vocab_size'], True, 'must be of type int'),
        (['hidden_size'], 0, 'must be positive'),
        (['hidden_size'], None, 'lacks one of hidden_size'),
        (['num_key_value_heads'], 3, 'not divisible by 3'),
        (['rope_scaling'], {'type': 'yarn', 'factor': 4}, "'yarn'"),
        (['use_sliding_window'], True, 'use_sliding_window'),
        (['vision_config', 'hidden_act'], 'gelu', 'vision_config.hidden_act'),
        (['audio_config', 'max_source_positions'], 64, 'at least 103'),
        (['tts_config', 'attention_type'], 'unknown', 'sliding_recompute'),
        (['tts_config', 'llm_dim'], 512, 'differs from hidden_size 256'),
        (['slice_config', 'patch_size'], 16, 'differs from'),
    ],
)
def test_unusable_value_is_named_with_what_would_do(official, path, value, message):
    target = official
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(ConfigurationError, match=message):
        ModelConfig.from_dict(official)


def test_missing_or_damaged_file(tmp_path):
    with pytest.raises(CheckpointError, match='does not exist'):
        ModelConfig.from_folder(tmp_path)
    (tmp_path / 'config.json').write_text('{"vocab', encoding='utf-8')
    with pytest.raises(CheckpointError, match='not JSON'):
        ModelConfig.from_folder(tmp_path)
