# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Kernels for attention of new rows to a key/value cache; all compute the same.

A kernel gets

* queries [1, heads, rows, head_dim];
* keys and values [1, kv_heads, visible, head_dim], a view into one layer of the cache;
* mask, bool [rows, visible], True where a row may look, None where it sees everything;
* length, int32 [1] on the device: valid rows of the cache including the new ones, None where all
  visible ones are valid;

and returns [1, heads, rows, head_dim].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from torch import Tensor
import torch.nn.functional as F

from minicpmo.errors import ConfigurationError

Kernel = Callable[[Tensor, Tensor, Tensor, Optional[Tensor], Optional[Tensor]], Tensor]


def sdpa(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Optional[Tensor] = None,
    length: Optional[Tensor] = None,
) -> Tensor:
    """Attend by the fused kernels of PyTorch, which exist on every device."""
    del length  # the mask says the same
    if query.shape[2] == 1:
        # One new row sees everything it is given: heads that share keys can be its rows, and
        # the keys are read once instead of once per head.
        shared = query.view(query.shape[0], key.shape[1], -1, query.shape[-1])
        return F.scaled_dot_product_attention(shared, key, value, mask).view(query.shape)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=True)


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
