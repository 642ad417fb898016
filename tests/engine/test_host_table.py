# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Token tables in host memory: the same rows, without a wait for the device."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from benchmarks.latency.model_size import FULL
from minicpmo.chat_prompt import Message
from minicpmo.checkpoint import empty_model, expected_shapes, load_model, memory_request
from minicpmo.checks.vectors import Vectors
from minicpmo.config import ModelConfig
from minicpmo.engine import Engine
from minicpmo.errors import ConfigurationError, MemoryShortageError
from minicpmo.graph.captured_step import GraphPool
from minicpmo.host_table import HostTable, host_tables
from minicpmo.language_stream import LanguageStream
from minicpmo.memory_advice import require_fit, require_host_room, with_offload
from minicpmo.memory_plan import MemoryRequest, plan_memory
from minicpmo.quantization.scheme import LANGUAGE_TABLE, Quantization

CPU = torch.device('cpu')
GIB = 1 << 30
VOICE_FRAMES = 250
"""A reference voice of five seconds."""


@pytest.fixture(scope='module', params=[torch.float32, torch.bfloat16], ids=str)
def pair(vectors: Vectors, request):
    """Return the recorded model as it is, and with its tables on the host."""
    loaded = [load_model(vectors.folder, dtype=request.param, offload=o) for o in (False, True)]
    return tuple(loaded)


@pytest.fixture(scope='module')
def full() -> MemoryRequest:
    """Return the request of the release on a GPU in bfloat16, its context 8192 tokens."""
    return MemoryRequest(
        FULL.model,
        expected_shapes(empty_model(FULL.model)),
        torch.bfloat16,
        device_type='cuda',
        voice_frames=VOICE_FRAMES,
        cuda_graphs=True,
    )


@torch.inference_mode()
def test_every_row_is_the_same(pair):
    plain, offloaded = pair
    assert isinstance(offloaded.llm.model.embed_tokens, HostTable)
    assert isinstance(offloaded.tts.emb_text, HostTable)
    ids = list(range(plain.config.llm.vocab_size))
    assert torch.equal(plain.llm.embed_ids(ids), offloaded.llm.embed_ids(ids))
    assert torch.equal(offloaded.llm.embed(torch.tensor([ids])), plain.llm.embed_ids(ids)[None])
    hidden = torch.randn(3, plain.config.speech.llm_dim, dtype=plain.dtype)
    conditions = [model.tts.condition([5, 9, 5], hidden) for model in pair]
    assert torch.equal(*conditions)
    assert torch.equal(*[model.tts.audio_begin_row() for model in pair])


@torch.inference_mode()
@pytest.mark.parametrize('padded', [False, True])
def test_forwards_are_the_same(pair, padded):
    streams = [
        LanguageStream(model.llm, 600, GraphPool(CPU) if padded else None) for model in pair
    ]
    for ids in ([3, 5, 8], [13], [21], [34, 55], [9]):
        plain, offloaded = (stream.logits(stream.feed_ids(ids)) for stream in streams)
        assert torch.equal(plain, offloaded)


def test_a_table_that_is_the_head_stays():
    shapes = {LANGUAGE_TABLE: (8, 4), 'tts.emb_text.weight': (8, 4)}
    assert host_tables(shapes) == ['tts.emb_text.weight']
    assert set(host_tables({**shapes, 'llm.lm_head.weight': (8, 4)})) == set(shapes)


@pytest.mark.parametrize('kind', list(Quantization))
def test_what_is_planned_is_what_is_there(vectors, kind):
    model = load_model(vectors.folder, dtype=torch.bfloat16, quantization=kind, offload=True)
    request = memory_request(
        vectors.folder, ModelConfig.from_folder(vectors.folder), CPU, torch.bfloat16, 700, kind
    )
    plan = plan_memory(replace(request, device_type='cuda', offload=True))
    tables = {n: m for n, m in model.named_modules() if isinstance(m, HostTable)}
    assert set(tables) == {'llm.model.embed_tokens', 'tts.emb_text'}
    held = {item.name: item.size for item in plan.items if item.kind in ('weights', 'host')}
    assert held['token tables'] == sum(table.weight.nbytes for table in tables.values())
    on_device = (*model.llm.parameters(), *model.llm.buffers())
    rest = sum(t.nbytes for t in on_device) - tables['llm.model.embed_tokens'].weight.nbytes
    assert held['language model'] == rest
    speech = sum(t.nbytes for t in (*model.tts.parameters(), *model.tts.buffers()))
    speech -= tables['tts.emb_text'].weight.nbytes
    assert held['speech decoder'] == pytest.approx(speech, rel=0.04)  # the norm is folded


def test_both_quantised_files_can_be_kept(vectors, tmp_path):
    for offload in (False, True):
        load_model(vectors.folder, quantization=Quantization.INT8, cache=tmp_path, offload=offload)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert len(files) == 2 and 'no-table' in files[0] + files[1]


def test_the_release_fits_twenty_gigabytes(full):
    """In sixteen bits with 8192 tokens and graphs; computed, not measured."""
    plan = plan_memory(replace(full, offload=True))
    assert plan.allocated <= 20e9
    assert plan.total <= 20 * GIB, 'with what CUDA takes for itself'
    assert plan_memory(full).total - plan.total == plan.host
    four = plan_memory(replace(full, offload=True, quantization=Quantization.INT4))
    assert four.total <= 10e9, 'with what CUDA takes for itself'


def test_auto_offloads_only_where_it_is_needed_and_helps(full):
    needed, offloaded = full, replace(full, offload=True)
    least, most = plan_memory(offloaded).total, plan_memory(needed).total
    for available, expected in ((most, needed), (least, offloaded), (least - 1, needed)):
        assert with_offload('auto', full, available) == expected
    assert with_offload('true', full, most) == offloaded
    assert with_offload('false', full, least) == needed
    with pytest.raises(ConfigurationError, match="offload is 'maybe'; use one of auto"):
        with_offload('maybe', full, most)


def test_nothing_is_won_where_memory_is_shared(full):
    shared = replace(full, shared_memory=True)
    assert plan_memory(replace(shared, offload=True)) == plan_memory(shared)
    assert not with_offload('auto', shared, plan_memory(full).total - 1).offload


def test_the_advice_names_the_option(full):
    least = plan_memory(replace(full, offload=True)).total
    with pytest.raises(MemoryShortageError, match='offload true would need 19.3 GiB'):
        require_fit(full, least, CPU)


def test_a_host_without_room_is_refused(full):
    plan = plan_memory(replace(full, offload=True))
    require_host_room(plan, plan.host)
    with pytest.raises(MemoryShortageError, match=r'1\.5 GiB of host memory.*use offload false'):
        require_host_room(plan, plan.host - 1)


def test_an_engine_answers_the_same(small_folder):
    answers = []
    for offload in ('false', 'true'):
        engine = Engine.load(small_folder, 'cpu', offload=offload, cuda_graphs='true')
        session = engine.chat(greedy=True, max_tokens=8)
        answers.append(session.reply_text([Message('user', ('Hello',))]))
    assert answers[0] == answers[1] != ''


def test_a_row_is_copied_without_a_wait(language_model):
    """The hot path's own count of waits is in test_hot_path_cost; this is the row itself."""
    table = copy.deepcopy(language_model.model.embed_tokens)
    host = HostTable(*table.weight.shape, CPU)
    host.weight = nn.Parameter(table.weight.detach().clone(), requires_grad=False)
    host.lock()
    target = torch.zeros(table.weight.shape[1])
    host.copy_row(7, target)
    assert torch.equal(target, table.weight[7])
