# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Choose codes and scales of a matrix with torchao.

Only the choice is left to torchao: the result is plain tensors that mean the same on every
device, and PyTorch's own kernels compute with them (:mod:`minicpmo.quantization.linear`). The
tensor classes of torchao are made for compiled models: executed eagerly, its int8 product prints
its input to learn whether it is a fake tensor, which waits for the device and cannot be captured
in a CUDA graph, and copies the weight on every call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
import logging
from typing import Any, Optional

import torch
from torch import Tensor, nn

from minicpmo.errors import QuantizationError
from minicpmo.quantization.scheme import Code, TensorFormat

BLOCK_WEIGHTS = 1 << 22
"""Weights that are worked on together; bounds the extra memory."""
BYTES_PER_BLOCK_WEIGHT = 16
"""Extra memory per weight of a block: its value and what torchao makes of it, in float32."""
NIBBLE_MIDDLE = 8


@dataclass(frozen=True)
class QuantizedMatrix:
    """A matrix [rows, columns] in codes.

    codes: int8 or float8_e4m3fn [rows, columns]; four bits: uint8 [rows, columns / 2], the even
        column in the upper half, each value raised by 8.
    scale: float32 [rows, 1], or bfloat16 [rows, columns / group] for four bits.
    zero: int8 of the shape of ``scale``, the code of zero; only for four bits.
    """

    how: TensorFormat
    codes: Tensor
    scale: Tensor
    zero: Optional[Tensor] = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Return what a file must hold, by its suffix."""
        parts = {'codes': self.codes, 'scale': self.scale}
        return parts if self.zero is None else {**parts, 'zero': self.zero}

    def dequantized(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the matrix the codes stand for, [rows, columns]."""
        if self.how.code is not Code.INT4:
            return (self.codes.float() * self.scale).to(dtype)
        assert self.zero is not None
        grouped = unpack_nibbles(self.codes).float().unflatten(-1, (-1, self.how.group))
        steps = grouped - (self.zero.float() + NIBBLE_MIDDLE)[..., None]
        return (steps * self.scale.float()[..., None]).flatten(-2).to(dtype)

    def to(self, device: torch.device) -> QuantizedMatrix:
        """Return the same on another device."""
        return replace(self, **{name: part.to(device) for name, part in self.tensors.items()})


def quantize(weight: Tensor, how: TensorFormat) -> QuantizedMatrix:
    """Return ``weight`` [rows, columns] in codes, on the same device.

    Worked through in blocks of rows, so that the extra memory does not grow with the matrix.

    Raises:
        QuantizationError: torchao is not installed or too old.
    """
    rows = max(BLOCK_WEIGHTS // weight.shape[1], 1)
    blocks = [_quantize_block(block, how) for block in weight.split(rows)]
    if len(blocks) == 1:
        return blocks[0]
    joined = {
        name: torch.cat([block.tensors[name] for block in blocks]) for name in blocks[0].tensors
    }
    return QuantizedMatrix(how, **joined)


def pack_nibbles(values: Tensor) -> Tensor:
    """Return uint8 [.., columns / 2] of values 0 to 15 [.., columns]; even columns are upper."""
    values = values.to(torch.uint8)
    return values[..., ::2] << 4 | values[..., 1::2]


def unpack_nibbles(packed: Tensor) -> Tensor:
    """Return uint8 [.., columns] of values 0 to 15."""
    return torch.stack((packed >> 4, packed & 15), dim=-1).flatten(-2)


def require_library() -> Any:
    """Return the module ``torchao.quantization``; raise QuantizationError without it."""
    # Its optional CUDA extensions warn on machines that cannot load them; none is used here.
    logging.getLogger('torchao').setLevel(logging.ERROR)
    try:
        import torchao.quantization as library

        library.IntxWeightOnlyConfig, library.Float8WeightOnlyConfig  # noqa: B018
    except (ImportError, AttributeError) as error:
        raise QuantizationError(
            f'quantising needs torchao 0.14 or newer ({error}); install it with "pip install'
            ' --no-deps torchao", use quantization none, or copy a quantised file of the same'
            ' model into the folder quantization_cache'
        ) from error
    return library


def _quantize_block(weight: Tensor, how: TensorFormat) -> QuantizedMatrix:
    library = require_library()
    # Four-bit scales are used in bfloat16, so the codes are chosen for scales of that type.
    kind = torch.bfloat16 if how.code is Code.INT4 else torch.float32
    carrier = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device='meta')
    carrier.weight = nn.Parameter(weight.to(kind), requires_grad=False)
    library.quantize_(carrier, _configuration(library, how))
    chosen = carrier.weight
    if how.code is Code.INT4:
        codes = pack_nibbles(chosen.qdata + NIBBLE_MIDDLE)
        return QuantizedMatrix(how, codes, chosen.scale, chosen.zero_point)
    codes, scale = chosen.qdata, chosen.scale.float()
    if how.code is Code.FP8:
        # torchao divides a row of zeros by its scale, which is zero.
        empty = scale == 0
        codes = codes.view(torch.uint8).masked_fill(empty, 0).view(codes.dtype)
        scale = scale.masked_fill(empty, 1.0)
    return QuantizedMatrix(how, codes, scale)


def _configuration(library: Any, how: TensorFormat) -> Any:
    if how.code is Code.FP8:
        return library.Float8WeightOnlyConfig()
    if how.code is Code.INT8:
        return library.IntxWeightOnlyConfig(weight_dtype=torch.int8)
    return library.IntxWeightOnlyConfig(
        weight_dtype=torch.int4,
        granularity=library.PerGroup(how.group),
        mapping_type=library.MappingType.ASYMMETRIC,
    )
