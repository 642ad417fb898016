# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Layers that compute with quantised matrices, by kernels of PyTorch itself.

| code | kernel | CPU | CUDA |
| --- | --- | --- | --- |
| int4 | ``aten._weight_int4pack_mm`` (tinygemm) | any | 8.0 and newer, bfloat16 |
| int8 | ``torch._int_mm`` | any | 8.0 and newer |
| fp8 | ``torch._scaled_mm``, scale per row | any | 8.9 and newer, bfloat16 |

No ``forward`` looks at values on the host or chooses shapes by them: all can be captured in CUDA
graphs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
import torch.nn.functional as F

from minicpmo.quantization.quantizer import (
    NIBBLE_MIDDLE,
    QuantizedMatrix,
    unpack_nibbles,
)
from minicpmo.quantization.scheme import ROW_MULTIPLE, Code, TensorFormat

LEAST_INTEGER_ROWS = 32
"""``torch._int_mm`` on CUDA multiplies more than 16 rows only; fewer are filled up."""
INT8_LARGEST = 127.0
FP8_LARGEST = 448.0
_SMALLEST_SCALE = 1e-12


class QuantizedLinear(nn.Module):
    """Multiplies rows by a quantised matrix without bias; memory comes with :meth:`assign`."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features

    def assign(self, matrix: QuantizedMatrix, dtype: torch.dtype) -> None:
        """Take the matrix [out_features, in_features] for activations of type ``dtype``."""
        raise NotImplementedError

    def _product(self, rows: Tensor) -> Tensor:
        """Return [n, padded out_features] of rows [n, in_features] in their type."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Multiply the last dimension."""
        product = self._product(x.reshape(-1, self.in_features))
        return product[:, : self.out_features].view(*x.shape[:-1], self.out_features)

    def _keep(self, **tensors: Tensor) -> None:
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor.contiguous(), persistent=False)


class Int4Linear(QuantizedLinear):
    """Four bits per weight; what is multiplied keeps its precision."""

    packed: Tensor
    scale_and_zero: Tensor

    def __init__(self, in_features: int, out_features: int, group: int) -> None:
        super().__init__(in_features, out_features)
        self.group = group

    def assign(self, matrix: QuantizedMatrix, dtype: torch.dtype) -> None:
        """Pack the codes as the kernel of their device wants them."""
        assert matrix.zero is not None
        codes = fill_rows(matrix.codes)
        scale = fill_rows(matrix.scale).to(dtype)
        # The kernel's zero is a value, (code - 8) * scale + zero; torchao's is a code.
        zero = -fill_rows(matrix.zero).to(dtype) * scale
        self._keep(
            packed=_pack_int4(codes),
            scale_and_zero=torch.stack((scale, zero), dim=-1).transpose(0, 1),
        )

    def _product(self, rows: Tensor) -> Tensor:
        rows = rows.contiguous()
        if rows.device.type == 'cpu':
            return torch.ops.aten._weight_int4pack_mm_for_cpu(
                rows, self.packed, self.group, self.scale_and_zero
            )
        return torch.ops.aten._weight_int4pack_mm(
            rows, self.packed, self.group, self.scale_and_zero
        )


class Int8Linear(QuantizedLinear):
    """Eight bits per weight; each row that is multiplied is rounded to eight bits as well."""

    codes: Tensor
    scale: Tensor

    def assign(self, matrix: QuantizedMatrix, dtype: torch.dtype) -> None:
        """Take codes and scales as they are; ``dtype`` does not matter."""
        del dtype
        self._keep(codes=fill_rows(matrix.codes), scale=fill_rows(matrix.scale).view(1, -1))

    def _product(self, rows: Tensor) -> Tensor:
        values = rows.float()
        scale = _row_scale(values, INT8_LARGEST)
        codes = torch.round(values / scale).to(torch.int8)
        missing = max(LEAST_INTEGER_ROWS - len(rows), 0) if rows.is_cuda else 0
        if missing:
            codes = F.pad(codes, (0, 0, 0, missing))
        product = torch._int_mm(codes, self.codes.t())[: len(rows)]
        return (product * scale * self.scale).to(rows.dtype)


class Float8Linear(QuantizedLinear):
    """Eight bits in floating point per weight and for each row that is multiplied."""

    codes: Tensor
    scale: Tensor

    def assign(self, matrix: QuantizedMatrix, dtype: torch.dtype) -> None:
        """Take codes and scales as they are; ``dtype`` does not matter."""
        del dtype
        codes = fill_rows(matrix.codes.view(torch.uint8)).view(matrix.codes.dtype)
        self._keep(codes=codes, scale=fill_rows(matrix.scale).view(1, -1))

    def _product(self, rows: Tensor) -> Tensor:
        values = rows.float()
        scale = _row_scale(values, FP8_LARGEST)
        codes = (values / scale).clamp(-FP8_LARGEST, FP8_LARGEST).to(self.codes.dtype)
        # Without fast accumulation: cuBLASLt of CUDA 12.9 refuses some shapes with it.
        return torch._scaled_mm(
            codes,
            self.codes.t(),
            scale_a=scale,
            scale_b=self.scale,
            out_dtype=rows.dtype,
            use_fast_accum=False,
        )


class QuantizedEmbedding(nn.Module):
    """A quantised table whose rows are looked up and expanded."""

    codes: Tensor
    scale_and_zero: Tensor

    def __init__(self, how: TensorFormat) -> None:
        super().__init__()
        assert how.code in (Code.INT4, Code.INT8), how
        self.how, self.dtype = how, torch.float32

    def assign(self, matrix: QuantizedMatrix, dtype: torch.dtype) -> None:
        """Take the table; looked-up rows have the type ``dtype``."""
        codes, scale = fill_rows(matrix.codes), fill_rows(matrix.scale)
        if matrix.zero is None:
            scale_and_zero = scale[..., None]
        else:
            zero = fill_rows(matrix.zero).to(dtype) + NIBBLE_MIDDLE
            scale_and_zero = torch.stack((scale.to(dtype), zero), dim=-1)
        self.dtype = dtype
        self.register_buffer('codes', codes.contiguous(), persistent=False)
        self.register_buffer('scale_and_zero', scale_and_zero.contiguous(), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the rows of token ids of any shape, [.., columns]."""
        codes, parameters = self.codes[ids], self.scale_and_zero[ids]
        if self.how.code is Code.INT8:
            return (codes * parameters[..., 0]).to(self.dtype)
        grouped = unpack_nibbles(codes).to(self.dtype).unflatten(-1, (-1, self.how.group))
        return ((grouped - parameters[..., 1:]) * parameters[..., :1]).flatten(-2)


def new_linear(in_features: int, out_features: int, how: TensorFormat) -> QuantizedLinear:
    """Return an empty layer for matrices of this format."""
    if how.code is Code.INT4:
        return Int4Linear(in_features, out_features, how.group)
    kind = Float8Linear if how.code is Code.FP8 else Int8Linear
    return kind(in_features, out_features)


def fill_rows(matrix: Tensor) -> Tensor:
    """Return the matrix with rows of zeros up to a multiple of ``ROW_MULTIPLE``."""
    missing = -len(matrix) % ROW_MULTIPLE
    return F.pad(matrix, (0, 0, 0, missing)) if missing else matrix


def _pack_int4(codes: Tensor) -> Tensor:
    """Return nibbles [rows, columns / 2] in the layout of the device's kernel."""
    if codes.device.type == 'cpu':
        values = unpack_nibbles(codes).to(torch.int32)
        return torch.ops.aten._convert_weight_to_int4pack_for_cpu(values, 1)
    columns = 2 * codes.shape[1]
    inner_tiles = next(tiles for tiles in (8, 4, 2) if columns % (16 * tiles) == 0)
    return torch.ops.aten._convert_weight_to_int4pack(codes.contiguous(), inner_tiles)


def _row_scale(values: Tensor, largest: float) -> Tensor:
    """Return what one step of a code means in every row, float32 [n, 1]."""
    peak = torch.linalg.vector_norm(values, ord=float('inf'), dim=-1, keepdim=True)
    return (peak / largest).clamp_min(_SMALLEST_SCALE)
