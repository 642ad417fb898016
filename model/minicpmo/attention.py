# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Kernels for attention of new rows to a key/value cache; all compute the same.

A kernel gets

* queries [1, heads, rows, head_dim];
* keys and values [1, kv_heads, visible, head_dim], a view into one layer of the cache;
* mask, [rows, visible] as :func:`additive` makes it, None where a row sees everything;
* length, int32 [1] on the device: valid rows of the cache including the new ones, None where all
  visible ones are valid;

and returns [1, heads, rows, head_dim].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

import torch
from torch import Tensor
import torch.nn.functional as F

from minicpmo.errors import ConfigurationError

Kernel = Callable[[Tensor, Tensor, Tensor, Optional[Tensor], Optional[Tensor]], Tensor]


FEW_ROWS = 128
"""Of queries that share keys; up to so many, on CUDA, two products are faster than one kernel."""


def additive(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added to scores, 0 where ``seen`` is true and minus infinity elsewhere.

    PyTorch makes the same of a mask of truth values, but again in every layer.
    """
    return torch.zeros_like(seen, dtype=dtype).masked_fill_(seen.logical_not(), -torch.inf)


def sdpa(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Optional[Tensor] = None,
    length: Optional[Tensor] = None,
) -> Tensor:
    """Attend by the fused kernels of PyTorch, which exist on every device."""
    del length  # the mask says the same
    # Heads that share keys become rows of one head: the keys are read once instead of once per
    # head, and kernels that take a mask but no shared keys need not copy them or keep all scores.
    shared = query.reshape(query.shape[0], key.shape[1], -1, query.shape[-1])
    group = query.shape[1] // key.shape[1]
    if mask is not None and mask.shape[0] > 1:
        mask = mask.repeat(group, 1)
    if query.is_cuda and query.dtype != torch.float32 and shared.shape[2] <= FEW_ROWS:
        return _two_products(shared, key, value, mask).reshape(query.shape)
    return F.scaled_dot_product_attention(shared, key, value, mask).reshape(query.shape)


def _two_products(query: Tensor, key: Tensor, value: Tensor, mask: Optional[Tensor]) -> Tensor:
    """Attend with few rows to many keys, [1, heads, rows, head_dim] as the arguments.

    The fused kernels that take a mask give every head to one multiprocessor, which then reads all
    keys alone; products of matrices are spread over the whole device.
    """
    scaled = query[0] * query.shape[-1] ** -0.5
    scores = torch.bmm(scaled, key[0].transpose(1, 2), out_dtype=torch.float32)
    if mask is not None:
        scores = scores + mask
    return torch.bmm(scores.softmax(-1).to(value.dtype), value[0])[None]


def avoid_cudnn(device: torch.device) -> None:
    """Keep PyTorch from attending by cuDNN, in this process and for good; only for CUDA devices.

    On Hopper and newer cuDNN comes first since PyTorch 2.10, and it builds a kernel for every new
    shape, which takes a tenth of a second and more. A conversation grows with every token and
    second, so nearly every call that is not padded would wait for one.
    """
    if device.type == 'cuda':
        torch.backends.cuda.enable_cudnn_sdp(False)


def flash_kernel() -> Kernel:
    """Return attention by flash-attn, which spreads the keys of a long context over the device.

    Raises ConfigurationError where the package is not installed or cannot be imported.
    """
    try:
        from flash_attn import flash_attn_with_kvcache
    except ImportError as error:
        raise ConfigurationError(
            f'attention flash needs the package flash-attn ({error}); install it for this torch'
            ' and CUDA version, or use attention sdpa'
        ) from error

    def flash(
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Optional[Tensor] = None,
        length: Optional[Tensor] = None,
    ) -> Tensor:
        # Masks are always causal and end at ``length``, which is what the kernel assumes, too.
        del mask
        attended = flash_attn_with_kvcache(
            query.transpose(1, 2),
            key.transpose(1, 2),
            value.transpose(1, 2),
            cache_seqlens=length,
            causal=True,
        )
        return attended.transpose(1, 2)

    return flash
