# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Codes mean what they should, and the kernels compute with them what a float product gives."""

import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from minicpmo.errors import ConfigurationError, QuantizationError
from minicpmo.quantization import quantizer, scheme
from minicpmo.quantization.linear import QuantizedEmbedding, new_linear
from minicpmo.quantization.quantizer import pack_nibbles, quantize, unpack_nibbles
from minicpmo.quantization.scheme import (
    LANGUAGE_HEAD,
    LANGUAGE_TABLE,
    Code,
    Quantization,
    TensorFormat,
    format_of,
    packed_bytes,
    require_hardware,
)

ROWS, COLUMNS = 50, 256  # rows are no multiple of 16, as in the vocabulary of the release
FORMATS = [
    TensorFormat(Code.INT4, 128),
    TensorFormat(Code.INT4, 32),
    TensorFormat(Code.INT8, COLUMNS),
    TensorFormat(Code.FP8, COLUMNS),
]
# Of the weights, relative: half a step of 15, 255 and of three bits of mantissa, in the mean.
WEIGHT_ERROR = {Code.INT4: 0.14, Code.INT8: 0.01, Code.FP8: 0.04}
LAYER = 'llm.model.layers.3.mlp.down_proj.weight'


@pytest.fixture
def weight() -> torch.Tensor:
    return 0.02 * torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def rows() -> torch.Tensor:
    return torch.randn(37, COLUMNS, generator=torch.Generator().manual_seed(2))


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.float() - expected.float()).norm() / expected.float().norm())


def layer_of(weight: torch.Tensor, how: TensorFormat, dtype=torch.float32):
    layer = new_linear(weight.shape[1], weight.shape[0], how)
    layer.assign(quantize(weight, how), dtype)
    return layer


def test_nibbles_are_packed_two_by_two():
    values = torch.arange(16, dtype=torch.uint8).repeat(2, 2)
    packed = pack_nibbles(values)
    assert packed.shape == (2, 16) and packed[0, 0] == 0x01 and packed[0, 7] == 0xEF
    assert torch.equal(unpack_nibbles(packed), values)


@pytest.mark.parametrize('how', FORMATS, ids=str)
def test_codes_stand_for_the_weights(weight, how):
    matrix = quantize(weight, how)
    assert matrix.dequantized().shape == weight.shape
    assert 0 < distance(matrix.dequantized(), weight) < WEIGHT_ERROR[how.code]


@pytest.mark.parametrize('how', FORMATS, ids=str)
def test_blocks_of_rows_give_the_same_codes(weight, how, monkeypatch):
    whole = quantize(weight, how)
    monkeypatch.setattr(quantizer, 'BLOCK_WEIGHTS', 7 * COLUMNS)
    for name, part in quantize(weight, how).tensors.items():
        assert torch.equal(part.float(), whole.tensors[name].float()), name


@pytest.mark.parametrize('how', FORMATS, ids=str)
@pytest.mark.parametrize('count', [1, 3, 16, 17, 37])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_product_is_that_of_the_dequantised_matrix(weight, rows, how, count, dtype):
    matrix = quantize(weight, how)
    exact = rows[:count] @ matrix.dequantized().T
    found = layer_of(weight, how, dtype)(rows[:count].to(dtype))
    assert found.shape == (count, ROWS) and found.dtype == dtype
    # Four bits leave what is multiplied as it is; eight bits round it, too.
    rounding = {Code.INT4: 1e-5, Code.INT8: 0.01, Code.FP8: 0.04}[how.code]
    assert distance(found, exact) < max(rounding, 0.01 if dtype is torch.bfloat16 else 0.0)


def test_eight_bit_product_is_exact_in_integers(weight, rows):
    """Also with the largest codes: kernels without the newest instructions may saturate."""
    extreme = torch.where(weight > 0, 1.0, -1.0)
    inputs = torch.where(rows > 0, 1.0, -1.0)
    how = TensorFormat(Code.INT8, COLUMNS)
    matrix = quantize(extreme, how)
    assert matrix.codes.min() <= -127 and matrix.codes.max() == 127
    expected = inputs @ matrix.dequantized().T
    torch.testing.assert_close(layer_of(extreme, how)(inputs), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize('how', FORMATS, ids=str)
def test_zeros_and_lost_rows_give_zeros(how):
    layer = layer_of(torch.zeros(ROWS, COLUMNS), how)
    assert torch.equal(layer(torch.ones(2, COLUMNS)), torch.zeros(2, ROWS))
    assert not layer(torch.zeros(1, COLUMNS)).any()


@pytest.mark.parametrize('how', FORMATS, ids=str)
def test_shapes_of_more_dimensions_are_kept(weight, rows, how):
    layer = layer_of(weight, how)
    found = layer(rows[:6].view(1, 2, 3, COLUMNS))
    torch.testing.assert_close(found.view(6, ROWS), layer(rows[:6]))


@pytest.mark.parametrize('how', [FORMATS[1], FORMATS[2]], ids=str)
def test_table_looks_up_dequantised_rows(weight, how):
    table = QuantizedEmbedding(how)
    matrix = quantize(weight, how)
    table.assign(matrix, torch.float32)
    ids = torch.tensor([[0, 49], [7, 7]])
    torch.testing.assert_close(table(ids), matrix.dequantized()[ids], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize('how', FORMATS, ids=str)
def test_memory_is_what_the_plan_says(weight, how):
    layer = layer_of(weight, how, torch.bfloat16)
    held = sum(buffer.nbytes for buffer in layer.buffers())
    assert held == packed_bytes((ROWS, COLUMNS), how, torch.bfloat16)


class Synchronisations(TorchDispatchMode):
    """Counts what would wait for the device or choose a shape by a value."""

    names = ('_local_scalar_dense', 'nonzero', 'masked_select', 'is_nonzero', 'unique')

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if any(name in str(function) for name in self.names):
            self.found.append(str(function))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize('how', FORMATS, ids=str)
def test_no_layer_looks_at_values_on_the_host(weight, rows, how):
    layer = layer_of(weight, how)
    with Synchronisations() as seen:
        layer(rows[:1])
        layer(rows)
    assert seen.found == []


@pytest.mark.parametrize(
    ('name', 'shape', 'quantization', 'expected'),
    [
        (LAYER, (64, 256), Quantization.NONE, None),
        (LAYER, (64, 256), Quantization.INT4, TensorFormat(Code.INT4, 128)),
        (LAYER, (64, 96), Quantization.INT4, TensorFormat(Code.INT4, 32)),
        (LAYER, (64, 96), Quantization.INT8, TensorFormat(Code.INT8, 96)),
        (LAYER, (64, 96), Quantization.FP8, TensorFormat(Code.FP8, 96)),
        (LANGUAGE_HEAD, (64, 96), Quantization.INT4, TensorFormat(Code.INT8, 96)),
        (LANGUAGE_HEAD, (64, 96), Quantization.FP8, TensorFormat(Code.FP8, 96)),
        (LANGUAGE_TABLE, (64, 96), Quantization.INT4, TensorFormat(Code.INT4, 32)),
        (LANGUAGE_TABLE, (64, 96), Quantization.FP8, TensorFormat(Code.INT8, 96)),
        ('llm.model.layers.3.input_layernorm.weight', (96,), Quantization.INT4, None),
        ('llm.model.layers.3.self_attn.q_norm.weight', (96,), Quantization.INT8, None),
        ('llm.model.norm.weight', (96,), Quantization.INT8, None),
        ('tts.model.layers.3.mlp.down_proj.weight', (64, 96), Quantization.INT4, None),
        ('vpm.encoder.layers.0.mlp.fc1.weight', (64, 96), Quantization.INT4, None),
    ],
)
def test_every_tensor_has_its_format(name, shape, quantization, expected):
    assert format_of(name, shape, quantization) == expected


def test_columns_that_make_no_groups_are_refused_with_a_remedy():
    with pytest.raises(QuantizationError, match='use quantization int8'):
        format_of(LAYER, (64, 100), Quantization.INT4)


@pytest.mark.parametrize('name', ['int2', '', None, 4])
def test_unknown_quantisation_is_refused(name):
    with pytest.raises(ConfigurationError, match='none, int8, int4, fp8'):
        Quantization.parse(name)


@pytest.mark.parametrize(
    ('quantization', 'capability', 'dtype', 'message'),
    [
        (Quantization.INT4, (7, 5), torch.bfloat16, 'compute capability 8.0'),
        (Quantization.FP8, (8, 7), torch.bfloat16, 'use int8 or int4'),
        (Quantization.FP8, (7, 5), torch.bfloat16, 'use none'),
        (Quantization.INT4, (9, 0), torch.float16, 'needs dtype bfloat16'),
        (Quantization.INT4, (8, 7), torch.bfloat16, None),
        (Quantization.FP8, (8, 9), torch.bfloat16, None),
        (Quantization.NONE, (5, 0), torch.float32, None),
    ],
)
def test_hardware_that_lacks_a_type_is_named(
    monkeypatch, quantization, capability, dtype, message
):
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: capability)
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda device: 'Orin')
    place = torch.device('cuda')
    if message is None:
        require_hardware(quantization, place, dtype)
        return
    with pytest.raises(QuantizationError, match=message):
        require_hardware(quantization, place, dtype)


def test_without_the_library_the_message_says_what_to_do(monkeypatch, weight):
    monkeypatch.setitem(sys.modules, 'torchao.quantization', None)
    with pytest.raises(QuantizationError, match='pip install'):
        quantize(weight, FORMATS[0])
    assert scheme.LINEAR_GROUP in scheme.GROUP_SIZES
