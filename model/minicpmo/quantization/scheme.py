# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which tensor of the language model is stored in which number format, and what it takes."""

from __future__ import annotations

from dataclasses import dataclass
import enum

import torch

from minicpmo.errors import ConfigurationError, QuantizationError

LANGUAGE_HEAD = 'llm.lm_head.weight'
LANGUAGE_TABLE = 'llm.model.embed_tokens.weight'
LINEAR_GROUP = 128
"""Weights of a row that share scale and zero at four bits in the layers."""
TABLE_GROUP = 32
"""The same for the embedding table, which is read row by row and never multiplied."""
GROUP_SIZES = (128, 64, 32)
ROW_MULTIPLE = 16
"""Rows of a packed matrix are filled up to a multiple of this, as all kernels need."""
_LAYERS = 'llm.model.layers.'
_PROJECTIONS = ('self_attn.', 'mlp.')


class Quantization(enum.Enum):
    """Number format of the language model's matrices.

    INT8: eight bits per weight, activations rounded to eight bits per row.
    FP8: the same in floating point (e4m3). INT4: four bits per weight in groups.
    """

    NONE = 'none'
    INT8 = 'int8'
    INT4 = 'int4'
    FP8 = 'fp8'

    @classmethod
    def parse(cls, name: str) -> Quantization:
        """Return the member called ``name``; raise ConfigurationError for another."""
        known = {member.value: member for member in cls}
        if not isinstance(name, str) or name not in known:
            raise ConfigurationError(f'quantization is {name!r}; use one of {", ".join(known)}')
        return known[name]


class Code(enum.Enum):
    """How the numbers of one matrix are stored."""

    INT4 = 'int4'
    INT8 = 'int8'
    FP8 = 'fp8'


@dataclass(frozen=True)
class TensorFormat:
    """How one matrix [rows, columns] is stored.

    group: weights of a row that share one scale; the whole row where it equals the columns.
    """

    code: Code
    group: int


def format_of(
    name: str, shape: tuple[int, ...], quantization: Quantization
) -> TensorFormat | None:
    """Return how the tensor of a checkpoint is stored, None where it stays as it is.

    Quantised are the projections of the layers, the vocabulary head and the embedding table; the
    norms stay, and so do vision, audio and speech. The head is never below eight bits: its error
    goes straight into the choice of the token.
    """
    if quantization is Quantization.NONE:
        return None
    columns = shape[-1]
    by_row = Code.FP8 if quantization is Quantization.FP8 else Code.INT8
    if name == LANGUAGE_HEAD:
        return TensorFormat(by_row, columns)
    if name == LANGUAGE_TABLE:
        if quantization is Quantization.INT4:
            return TensorFormat(Code.INT4, TABLE_GROUP)
        return TensorFormat(Code.INT8, columns)
    if not (name.startswith(_LAYERS) and any(part in name for part in _PROJECTIONS)):
        return None
    if len(shape) != 2:
        return None
    if quantization is Quantization.INT4:
        return TensorFormat(Code.INT4, _linear_group(name, columns))
    return TensorFormat(by_row, columns)


def packed_bytes(shape: tuple[int, ...], how: TensorFormat, dtype: torch.dtype) -> int:
    """Return what a quantised matrix takes on the device, scales included.

    dtype: type of the model's activations.
    """
    rows, columns = shape
    rows = -(-rows // ROW_MULTIPLE) * ROW_MULTIPLE
    if how.code is Code.INT4:
        return rows * columns // 2 + 2 * rows * (columns // how.group) * dtype.itemsize
    return rows * columns + rows * torch.float32.itemsize


def require_hardware(quantization: Quantization, device: torch.device, dtype: torch.dtype) -> None:
    """Raise QuantizationError when ``device`` cannot compute with it.

    int4 uses PyTorch's tinygemm kernel (Ampere and newer, Orin too), int8 the integer tensor
    cores (Ampere and newer), fp8 those of Ada, Hopper and newer.
    """
    if quantization is Quantization.NONE or device.type != 'cuda':
        return
    if dtype is not torch.bfloat16:
        raise QuantizationError(
            f'quantization {quantization.value} needs dtype bfloat16 on a GPU, {dtype} was given'
        )
    found = torch.cuda.get_device_capability(device)
    needed = (8, 9) if quantization is Quantization.FP8 else (8, 0)
    if found < needed:
        other = 'int8 or int4' if found >= (8, 0) else 'none'
        raise QuantizationError(
            f'quantization {quantization.value} needs compute capability {needed[0]}.{needed[1]},'
            f' {torch.cuda.get_device_name(device)} has {found[0]}.{found[1]}; use {other}'
        )


def _linear_group(name: str, columns: int) -> int:
    for group in GROUP_SIZES:
        if group <= LINEAR_GROUP and columns % group == 0:
            return group
    raise QuantizationError(
        f'{name} has {columns} columns, which is no multiple of {GROUP_SIZES[-1]}; '
        'use quantization int8'
    )
