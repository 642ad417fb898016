# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The same products on a GPU, plainly and from a captured graph; run where there is one."""

import pytest
import torch

from minicpmo.errors import QuantizationError
from minicpmo.quantization.linear import QuantizedEmbedding, new_linear
from minicpmo.quantization.quantizer import quantize
from minicpmo.quantization.scheme import Code, Quantization, TensorFormat, require_hardware

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')

ROWS, COLUMNS = 1044, 1024  # rows are no multiple of 16
FORMATS = [
    TensorFormat(Code.INT4, 128),
    TensorFormat(Code.INT8, COLUMNS),
    TensorFormat(Code.FP8, COLUMNS),
]


@pytest.fixture(params=FORMATS, ids=str)
def layer_and_matrix(request):
    how = request.param
    kind = Quantization(how.code.value)
    try:
        require_hardware(kind, torch.device('cuda'), torch.bfloat16)
    except QuantizationError as error:
        pytest.skip(str(error))
    weight = 0.02 * torch.randn(ROWS, COLUMNS, device='cuda', dtype=torch.bfloat16)
    matrix = quantize(weight, how)
    layer = new_linear(COLUMNS, ROWS, how)
    layer.assign(matrix, torch.bfloat16)
    return layer, matrix


def error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.float() - expected.float()).norm() / expected.float().norm())


@pytest.mark.parametrize('count', [1, 8, 16, 17, 100, 1000])
def test_product_is_that_of_the_dequantised_matrix(layer_and_matrix, count):
    layer, matrix = layer_and_matrix
    rows = torch.randn(count, COLUMNS, device='cuda', dtype=torch.bfloat16)
    expected = rows.float() @ matrix.dequantized().T
    assert error(layer(rows), expected) < (0.05 if matrix.how.code is Code.FP8 else 0.015)


@pytest.mark.parametrize('count', [1, 64])
def test_a_captured_product_equals_the_plain_one(layer_and_matrix, count):
    layer, _ = layer_and_matrix
    rows = torch.randn(count, COLUMNS, device='cuda', dtype=torch.bfloat16)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        layer(rows)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = layer(rows)
    rows.copy_(torch.randn_like(rows))
    graph.replay()
    torch.testing.assert_close(captured, layer(rows))


def test_codes_are_those_of_a_processor(layer_and_matrix):
    _, matrix = layer_and_matrix
    weight = matrix.dequantized(torch.bfloat16)
    here, there = quantize(weight, matrix.how), quantize(weight.cpu(), matrix.how)
    torch.testing.assert_close(here.dequantized().cpu(), there.dequantized(), rtol=0.02, atol=1e-3)


def test_table_on_the_device():
    table = QuantizedEmbedding(TensorFormat(Code.INT4, 32))
    weight = torch.randn(100, COLUMNS, device='cuda', dtype=torch.bfloat16)
    matrix = quantize(weight, table.how)
    table.assign(matrix, torch.bfloat16)
    ids = torch.tensor([3, 99], device='cuda')
    assert error(table(ids), matrix.dequantized()[ids]) < 0.01
