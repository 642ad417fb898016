# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Put quantised layers into a model that is still without memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import nn

from minicpmo.quantization.linear import QuantizedEmbedding, QuantizedLinear, new_linear
from minicpmo.quantization.quantizer import QuantizedMatrix
from minicpmo.quantization.scheme import (
    LANGUAGE_HEAD,
    LANGUAGE_TABLE,
    Quantization,
    TensorFormat,
    format_of,
)


def tensor_formats(
    shapes: Mapping[str, tuple[int, ...]],
    quantization: Quantization,
    on_host: Collection[str] = (),
) -> dict[str, TensorFormat]:
    """Return name and format of every tensor that is quantised.

    shapes: all tensors of the checkpoint. A table that is the vocabulary head as well stays, and
    so do those named ``on_host``, where there is room.
    """
    formats = {name: format_of(name, shape, quantization) for name, shape in shapes.items()}
    if LANGUAGE_HEAD not in shapes:
        formats.pop(LANGUAGE_TABLE, None)
    return {name: how for name, how in formats.items() if how is not None and name not in on_host}


def install(
    model: nn.Module,
    shapes: Mapping[str, tuple[int, ...]],
    formats: Mapping[str, TensorFormat],
) -> None:
    """Replace the modules that own the named weights; ``shapes``: [rows, columns] by name."""
    for name, how in formats.items():
        rows, columns = shapes[name]
        owner = name.rpartition('.')[0]
        parent, _, leaf = owner.rpartition('.')
        new: nn.Module = (
            QuantizedEmbedding(how) if name == LANGUAGE_TABLE else new_linear(columns, rows, how)
        )
        setattr(model.get_submodule(parent), leaf, new)


def assign_matrix(
    model: nn.Module, name: str, matrix: QuantizedMatrix, dtype: torch.dtype
) -> None:
    """Give the module that owns the weight ``name`` its matrix; ``dtype``: of activations."""
    module = model.get_submodule(name.rpartition('.')[0])
    assert isinstance(module, (QuantizedLinear, QuantizedEmbedding)), name
    module.assign(matrix, dtype)
