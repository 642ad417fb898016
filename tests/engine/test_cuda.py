# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import copy

import pytest
import torch

from minicpmo.checks.decode_check import recorded_tokens
from minicpmo.checks.duplex_check import check_trace
from minicpmo.checks.recorded_session import RecordedModel
from minicpmo.sampling import SamplingOptions, SeededDraws, TokenChooser

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')


@pytest.fixture(scope='module', autouse=True)
def exact_products():
    """Keep float32 products exact: TensorFloat-32 would hide a wrong result."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision('highest')
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


@pytest.fixture(scope='module')
def on_cuda(vectors) -> RecordedModel:
    return RecordedModel.load(vectors, 'cuda')


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
        options, draws = SamplingOptions(greedy=True), SeededDraws(0, device)
        chooser = TokenChooser(tokens, size, bad_ids, options, draws, device)
        chosen.append([chooser.choose(row.to(device)) for row in logits])
    assert chosen[0] == chosen[1]


@pytest.mark.parametrize('name', ['duplex_omni', 'duplex_window_context', 'duplex_sampling'])
def test_conversations_are_replayed_decision_for_decision(on_cuda, name):
    results = list(check_trace(on_cuda, name))
    assert [result.line() for result in results if not result.passed] == []
