# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The plan equals what is really allocated, and refuses what cannot fit."""

from pathlib import Path

import pytest
import torch

from minicpmo import engine
from minicpmo.checkpoint import empty_model, expected_shapes, load_model, save_model
from minicpmo.config import ModelConfig
from minicpmo.errors import ConfigurationError
from minicpmo.memory_plan import MemoryPlan, available_memory, plan_memory
from minicpmo.model import OmniModel

TINY = Path(__file__).parents[1] / 'data' / 'minicpmo45'


def plan(dtype: torch.dtype = torch.float32, **options) -> MemoryPlan:
    config = ModelConfig.from_folder(TINY)
    return plan_memory(config, expected_shapes(empty_model(config, 8)), dtype, **options)


def sizes(of: MemoryPlan, kind: str) -> dict[str, int]:
    return {item.name: item.size for item in of.items if item.kind == kind}


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_weights_and_caches_are_those_of_the_loaded_model(dtype):
    model = load_model(TINY, dtype=dtype)
    planned = sizes(plan(dtype, context_tokens=700), 'cache')
    cache = model.llm.new_cache(700)
    assert planned['keys and values'] == cache.keys.nbytes + cache.values.nbytes
    audio = model.apm.new_cache()
    assert planned['audio encoder'] == audio.keys.nbytes + audio.values.nbytes
    weights = sizes(plan(dtype), 'weights')
    for part, name in (('llm', 'language model'), ('vpm', 'vision tower')):
        real = sum(p.nbytes for p in getattr(model, part).parameters())
        assert weights[name] == real


def test_total_counts_every_session_and_only_the_largest_stage():
    one, three = plan(), plan(sessions=3)
    assert three.caches == 3 * one.caches and three.weights == one.weights
    assert one.work_space == max(sizes(one, 'peak').values())
    assert one.total == one.weights + one.caches + one.work_space


def test_parts_left_out_take_nothing():
    config = ModelConfig.from_folder(TINY).without('vision', 'speech')
    shapes = expected_shapes(empty_model(config))
    names = {item.name for item in plan_memory(config, shapes, torch.float32).items}
    assert names.isdisjoint({'vision tower', 'vision', 'speech decoder', 'flow and vocoder'})


def test_what_cannot_fit_is_refused_with_the_table_and_remedies():
    needed = plan().total
    plan().require_fit(needed)
    with pytest.raises(ConfigurationError, match='bfloat16, leave out parts') as caught:
        plan().require_fit(needed - 1)
    assert 'keys and values' in str(caught.value)


def test_table_shows_every_item_and_the_sum():
    text = plan().table()
    assert text.count('\n') + 1 == len(plan().items) + 4
    assert text.splitlines()[-1].startswith('total')


def test_free_memory_of_this_machine_is_known():
    assert 0 < available_memory(torch.device('cpu')) < 1 << 50


def test_loading_is_refused_before_any_weight_is_read(tmp_path, monkeypatch):
    model = OmniModel(ModelConfig.from_folder(TINY).without('speech'))
    save_model(model, tmp_path)
    monkeypatch.setattr(engine, 'available_memory', lambda device: 1000)
    monkeypatch.setattr(engine, 'load_model', lambda *arguments: pytest.fail('was loaded'))
    with pytest.raises(ConfigurationError, match='GiB are free'):
        engine.Engine.load(tmp_path, device='cpu')
