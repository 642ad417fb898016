# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The plan equals what is really allocated, and refuses what cannot fit."""

from dataclasses import replace
from pathlib import Path
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from benchmarks.latency.model_size import FULL
from minicpmo import engine
from minicpmo.available_memory import UNIFIED_RESERVE, available_memory
from minicpmo.checkpoint import empty_model, expected_shapes, load_model, save_model
from minicpmo.config import ModelConfig
from minicpmo.errors import ConfigurationError, MemoryShortageError
from minicpmo.memory_advice import fitting, require_fit
from minicpmo.memory_plan import MemoryPlan, MemoryRequest, plan_memory
from minicpmo.model import OmniModel
from minicpmo.quantization.scheme import Quantization

TINY = Path(__file__).parents[1] / 'data' / 'minicpmo45'
CPU = torch.device('cpu')
VOICE_FRAMES = 250
"""A reference voice of five seconds."""


def request(dtype: torch.dtype = torch.float32, **options) -> MemoryRequest:
    config = ModelConfig.from_folder(TINY)
    return MemoryRequest(config, expected_shapes(empty_model(config, 8)), dtype, **options)


def plan(dtype: torch.dtype = torch.float32, **options) -> MemoryPlan:
    return plan_memory(request(dtype, **options))


@pytest.fixture(scope='module')
def full() -> MemoryRequest:
    """Return the request of the release on a GPU in bfloat16, its context 8192 tokens."""
    shapes = expected_shapes(empty_model(FULL.model))
    return MemoryRequest(
        FULL.model, shapes, torch.bfloat16, device_type='cuda', voice_frames=VOICE_FRAMES
    )


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
    planned = plan_memory(MemoryRequest(config, shapes, torch.float32))
    names = {item.name for item in planned.items}
    assert names.isdisjoint({'vision tower', 'vision', 'speech decoder', 'flow and vocoder'})


def test_what_cannot_fit_is_refused_with_the_table_and_what_would_fit():
    needed = plan().total
    assert require_fit(request(), needed, CPU).total == needed
    with pytest.raises(MemoryShortageError, match='are free') as caught:
        require_fit(request(), needed - 1, CPU)
    message = str(caught.value)
    assert 'keys and values' in message
    assert 'dtype bfloat16 would need' in message and 'quantization int4 would need' in message


def test_every_suggestion_was_computed_to_fit(full, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: (8, 9))
    gpu, gib = torch.device('cuda'), 1 << 30
    options = dict(fitting(full, 16 * gib, gpu))
    assert set(options) == {'quantization int8', 'quantization int4'}
    assert (
        options['quantization int4']
        == plan_memory(replace(full, quantization=Quantization.INT4)).total
    )
    narrow = fitting(full, 9 * gib, gpu)
    assert all(total <= 9 * gib and 'int4' in option for option, total in narrow) and narrow
    tiny = fitting(full, 7 * gib, gpu)
    assert len(tiny) == 1 and tiny[0][1] <= 7 * gib and 'parts without vision' in tiny[0][0]
    assert fitting(full, 3 * gib, gpu) == []
    with pytest.raises(MemoryShortageError, match='nothing makes it fit'):
        require_fit(full, 3 * gib, gpu)


def test_types_a_device_lacks_are_not_suggested(full, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: (7, 5))
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda device: 'T4')
    assert not any('quantization' in o for o, _ in fitting(full, 16 << 30, torch.device('cuda')))


def test_release_in_four_bits_allocates_less_than_ten_gigabytes(full):
    four = plan_memory(replace(full, quantization=Quantization.INT4))
    assert four.allocated < 10e9
    assert four.total < 10 << 30, 'with what CUDA takes for itself'


def test_release_in_sixteen_bits(full):
    """Its weights alone are 19.6 GB; conversation and work space come on top."""
    sixteen = plan_memory(full)
    assert 19.4e9 < sixteen.weights < 19.7e9
    assert sixteen.allocated < 21.7e9


def test_captured_steps_are_counted_where_they_are_used(full):
    graphs = plan_memory(replace(full, cuda_graphs=True))
    pools = sizes(graphs, 'graphs')
    assert set(pools) == {'language model', 'speech'} and min(pools.values()) > 0
    assert graphs.total == plan_memory(full).total + sum(pools.values())
    assert sizes(graphs, 'graphs') and not sizes(plan(cuda_graphs=True), 'graphs')


@pytest.mark.parametrize('kind', list(Quantization))
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_quantised_weights_are_those_of_the_loaded_model(kind, dtype):
    model = load_model(TINY, dtype=dtype, quantization=kind)
    held = sum(t.nbytes for t in (*model.llm.parameters(), *model.llm.buffers()))
    assert sizes(plan(dtype, quantization=kind), 'weights')['language model'] == held


MEASURE = """
import sys
import torch
from minicpmo.engine import Engine
from minicpmo.memory_plan import plan_memory
from minicpmo.checkpoint import memory_request
from minicpmo.config import ModelConfig
from minicpmo.protocol import Unit
import numpy as np

def resident():
    with open('/proc/self/status') as file:
        return next(int(l.split()[1]) << 10 for l in file if l.startswith('VmRSS'))

torch.set_num_threads(1)
small, large, kind = sys.argv[1:]
def converse(folder):
    engine = Engine.load(folder, 'cpu', 'bfloat16', quantization=kind, quantization_cache='none')
    session = engine.prepare(voice='none', window_mode='off', context_tokens=4096)
    picture = np.zeros((448, 448, 3), np.uint8)
    session.step(Unit(0, np.zeros(16000, np.float32), (picture,)))
    return engine, session
first = converse(small)  # libraries and thread pools are not the model's
before = resident()
kept = converse(large)
config = ModelConfig.from_folder(large)
plan = plan_memory(memory_request(
    large, config, torch.device('cpu'), torch.bfloat16, 4096, kept[0].quantization))
print(resident() - before, plan.weights, plan.weights + plan.caches, plan.total)
"""


@pytest.mark.parametrize('kind', ['none', 'int4'])
def test_process_takes_what_was_planned(tmp_path, kind):
    """A model of 140 MB in a process of its own, by its resident memory.

    The plan is an upper bound of what is in use at once; what is held afterwards must lie
    between the weights and the plan, within a tenth.
    """
    nano = Path(__file__).parents[2] / 'model' / 'nano'
    config, folder = ModelConfig.from_folder(nano), tmp_path / 'wide'
    wide = replace(config.llm, hidden_size=1024, intermediate_size=4096, num_attention_heads=16)
    config = replace(config, llm=wide)
    model = OmniModel(config).bfloat16()
    save_model(model, folder)
    del model
    for name in ('tokenizer.json', 'tokenizer_config.json', 'session.json'):
        shutil.copy(nano / name, folder)
    output = subprocess.run(
        [sys.executable, '-c', MEASURE, str(nano), str(folder), kind],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    held, weights, lasting, total = map(int, output.split())
    assert 0.9 * weights < held < 1.1 * total
    assert lasting <= total


def test_table_shows_every_item_and_the_sum():
    text = plan().table()
    assert text.count('\n') + 1 == len(plan().items) + 5
    assert text.splitlines()[-1].startswith('total')


def test_free_memory_of_this_machine_is_known():
    assert 0 < available_memory(CPU) < 1 << 50


@pytest.mark.parametrize('integrated', [False, True])
def test_memory_shared_with_the_processor_counts_what_can_be_reclaimed(monkeypatch, integrated):
    """The driver of a Jetson counts the page cache as taken; the kernel knows better."""
    properties = SimpleNamespace(is_integrated=integrated)
    monkeypatch.setattr(torch.cuda, 'get_device_properties', lambda device: properties)
    monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda device: (123, 456))
    found, host = available_memory(torch.device('cuda')), available_memory(CPU)
    if integrated:
        assert found == pytest.approx(max(host - UNIFIED_RESERVE, 0), abs=1 << 29)
    else:
        assert found == 123


def test_loading_is_refused_before_any_weight_is_read(tmp_path, monkeypatch):
    model = OmniModel(ModelConfig.from_folder(TINY).without('speech'))
    save_model(model, tmp_path)
    monkeypatch.setattr(engine, 'available_memory', lambda device: 1000)
    monkeypatch.setattr(engine, 'load_model', lambda *arguments: pytest.fail('was loaded'))
    with pytest.raises(ConfigurationError, match='GiB are free'):
        engine.Engine.load(tmp_path, device='cpu')
