# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import copy

import pytest
import torch

from minicpmo.attention import avoid_cudnn
from minicpmo.check import run_stage
from minicpmo.checks.decode_check import recorded_tokens
from minicpmo.checks.duplex_check import check_trace
from minicpmo.checks.recorded_session import RecordedModel
from minicpmo.checks.registry import all_stages
from minicpmo.checks.vectors import Vectors
from minicpmo.graph.captured_step import GraphPool
from minicpmo.host_table import HostTable
from minicpmo.language_stream import LanguageStream
from minicpmo.sampling import SamplingOptions, SeededDraws, TokenChooser

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')


@pytest.fixture(scope='module', autouse=True)
def exact_products():
    """Keep float32 products exact: TensorFloat-32 would hide a wrong result."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision('highest')
    torch.backends.cudnn.allow_tf32 = False
    avoid_cudnn(torch.device('cuda'))
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


STAGES = ('vision', 'audio', 'llm', 'decode', 'tts', 'token2wav_106', 'token2wav_107')


@pytest.mark.parametrize('fixed_shapes', [False, True], ids=['plain', 'captured'])
@pytest.mark.parametrize('name', STAGES)
def test_every_stage_equals_its_recording(vectors, name, fixed_shapes):
    stage = next(stage for stage in all_stages() if stage.name == name)
    results = list(run_stage(stage, Vectors(vectors.folder, fixed_shapes, 'cuda')))
    assert [result.line() for result in results if not result.passed] == []


@pytest.fixture(scope='module')
def on_cuda(vectors) -> RecordedModel:
    return RecordedModel.load(Vectors(vectors.folder, device='cuda'))


@torch.inference_mode()
def test_the_language_model_equals_the_cpu(language_model):
    model = copy.deepcopy(language_model).cuda()
    rows = language_model.embed(torch.arange(60))
    expected = language_model.logits(language_model.extend(rows, language_model.new_cache(80)))
    cache = model.new_cache(80)
    hidden = torch.cat([model.extend(part, cache) for part in rows.cuda().split((40, 19, 1))])
    torch.testing.assert_close(model.logits(hidden).cpu(), expected, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_bfloat16_stays_near_float32(language_model):
    model = copy.deepcopy(language_model).to('cuda', torch.bfloat16)
    rows = language_model.embed(torch.arange(60))
    expected = language_model.logits(language_model.extend(rows, language_model.new_cache(60)))
    found = model.logits(model.extend(rows.to('cuda', torch.bfloat16), model.new_cache(60)))
    error = (found.float().cpu() - expected).abs()
    assert error.max() < 0.5  # the official code in bfloat16 differs by 0.24 from float32
    assert error.mean() < 0.05


def test_tokens_are_chosen_as_on_the_cpu(vectors, tokenizer):
    tokens, logits = recorded_tokens(vectors), vectors.tensors('decode.safetensors')['logits']
    size, bad_ids = tokenizer.vocab_size, tokenizer.bad_ids
    chosen = []
    for device in ('cpu', 'cuda'):
        options, draws = SamplingOptions(greedy=True), SeededDraws(0, size, size, device)
        chooser = TokenChooser(tokens, size, bad_ids, options, draws, device)
        chosen.append([chooser.choose(row.to(device)) for row in logits])
    assert chosen[0] == chosen[1]


GRAPHED = ['duplex_omni', 'duplex_audio', 'duplex_window_context', 'duplex_sampling']


@pytest.mark.parametrize('name', GRAPHED)
def test_conversations_are_replayed_on_captured_graphs(vectors, name, monkeypatch):
    pools = []

    def new_pool(self):
        pools.append(GraphPool(self.device))
        return pools[-1]

    monkeypatch.setattr(Vectors, 'new_pool', new_pool)
    recorded = RecordedModel.load(Vectors(vectors.folder, fixed_shapes=True, device='cuda'))
    results = list(check_trace(recorded, name))
    assert [result.line() for result in results if not result.passed] == []
    assert [pool.failure for pool in pools] == [''] * len(pools)
    assert sum(pool.captured for pool in pools) > 10


@torch.inference_mode()
def test_graphs_equal_eager_in_bfloat16(language_model):
    model = copy.deepcopy(language_model).to('cuda', torch.bfloat16)
    pool = GraphPool(torch.device('cuda'))
    plain, graphed = LanguageStream(model, 1100), LanguageStream(model, 1100, pool)
    assert pool.failure == ''
    for seed, count in enumerate((13, 1, 1, 79, 600, 17, 1)):
        ids = torch.randint(200, (count,), generator=torch.Generator().manual_seed(seed)).tolist()
        logits = [s.logits(s.feed_ids(ids)).float().cpu() for s in (plain, graphed)]
        # Eight bits of mantissa: other shapes choose other kernels and round differently.
        assert (logits[0] - logits[1]).abs().max() < 0.25


@torch.inference_mode()
def test_a_table_on_the_host_gives_the_same_rows_to_graphs(language_model):
    table = language_model.model.embed_tokens.weight
    plain, offloaded = (copy.deepcopy(language_model).cuda() for _ in range(2))
    host = HostTable(*table.shape, torch.device('cuda'))
    host.weight = torch.nn.Parameter(table.detach().clone(), False)
    host.lock()
    assert host.weight.is_pinned()
    offloaded.model.embed_tokens = host
    pools = [GraphPool(torch.device('cuda')) for _ in range(2)]
    streams = [LanguageStream(m, 600, p) for m, p in zip((plain, offloaded), pools, strict=True)]
    assert [pool.failure for pool in pools] == ['', '']
    for ids in ([3, 5, 8], [13], [21], [34], [55, 89], [9]):
        logits = [stream.logits(stream.feed_ids(ids)).cpu() for stream in streams]
        assert torch.equal(*logits)


@pytest.mark.parametrize('name', ['duplex_omni', 'duplex_window_context', 'duplex_sampling'])
def test_conversations_are_replayed_decision_for_decision(on_cuda, name):
    results = list(check_trace(on_cuda, name))
    assert [result.line() for result in results if not result.passed] == []
