# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The physical floor: no forward is faster than reading its weights from memory once."""

from __future__ import annotations

import time

import torch

from minicpmo.config import LanguageConfig

_REPEATS = 10


def copy_bandwidth(device: torch.device) -> float:
    """Return the bytes per second that a large copy reads and writes on ``device``."""
    size = (4 << 30) if device.type == 'cuda' else (256 << 20)
    source = torch.zeros(size, dtype=torch.uint8, device=device)
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


def decode_bytes(config: LanguageConfig, dtype: torch.dtype) -> int:
    """Return the bytes of weights one decoded token reads: all layers and the vocabulary head."""
    query = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    attention = config.hidden_size * (2 * query + 2 * keys)
    feed_forward = 3 * config.hidden_size * config.intermediate_size
    layers = config.num_hidden_layers * (attention + feed_forward)
    return (layers + config.vocab_size * config.hidden_size) * dtype.itemsize
