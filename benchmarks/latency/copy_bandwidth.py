# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The physical floor: no forward is faster than reading its weights from memory once."""

from __future__ import annotations

from math import prod
import time

import torch

from minicpmo.config import LanguageConfig
from minicpmo.quantization.scheme import LANGUAGE_HEAD, Quantization, format_of, packed_bytes

_REPEATS = 10


def copy_bandwidth(device: torch.device) -> float:
    """Return the bytes per second that a large copy reads and writes on ``device``."""
    size = (4 << 30) if device.type == 'cuda' else (256 << 20)
    # Random: memory that is all zeros may be copied faster than real data.
    source = torch.empty(size // 8, dtype=torch.int64, device=device).random_()
    target = torch.empty_like(source)
    best = min(_seconds(source, target, device) for _ in range(_REPEATS))
    return 2 * size / best


def _seconds(source: torch.Tensor, target: torch.Tensor, device: torch.device) -> float:
    _finish(device)
    started = time.perf_counter()
    target.copy_(source)
    _finish(device)
    return time.perf_counter() - started


def _finish(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def decode_bytes(
    config: LanguageConfig,
    dtype: torch.dtype,
    quantization: Quantization = Quantization.NONE,
) -> int:
    """Return the bytes of weights one decoded token reads: all layers and the vocabulary head."""
    layer = {
        'self_attn.q_proj': (config.num_attention_heads * config.head_dim, config.hidden_size),
        'self_attn.k_proj': (config.num_key_value_heads * config.head_dim, config.hidden_size),
        'self_attn.v_proj': (config.num_key_value_heads * config.head_dim, config.hidden_size),
        'self_attn.o_proj': (config.hidden_size, config.num_attention_heads * config.head_dim),
        'mlp.gate_proj': (config.intermediate_size, config.hidden_size),
        'mlp.up_proj': (config.intermediate_size, config.hidden_size),
        'mlp.down_proj': (config.hidden_size, config.intermediate_size),
    }
    shapes = {f'llm.model.layers.0.{name}.weight': shape for name, shape in layer.items()}
    head = {LANGUAGE_HEAD: (config.vocab_size, config.hidden_size)}

    def size(matrices: dict[str, tuple[int, int]]) -> int:
        formats = {name: format_of(name, shape, quantization) for name, shape in matrices.items()}
        return sum(
            packed_bytes(shape, how, dtype)
            if (how := formats[name])
            else prod(shape) * dtype.itemsize
            for name, shape in matrices.items()
        )

    return config.num_hidden_layers * size(shapes) + size(head)
