# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rotary position embedding in the half-split layout (Qwen3, Llama)."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=32)
def inverse_frequency(head_dim: int, theta: float, device: torch.device) -> Tensor:
    """Return the float32 rotation per position [rad] of each pair, shape [head_dim / 2]."""
    with torch.inference_mode(False):  # what is kept must also serve training
        exponent = torch.arange(0, head_dim, 2, dtype=torch.float32, device=device) / head_dim
        return 1.0 / (theta**exponent)


def rotation(
    positions: Tensor, head_dim: int, theta: float, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """Return cosine and sine for positions of any shape: [..., head_dim] each.

    The first half of the sines is negative, as :func:`rotate` needs it. The angles are float32
    always; only the result is rounded to ``dtype``.
    """
    frequency = inverse_frequency(head_dim, theta, positions.device)
    angle = positions.to(torch.float32)[..., None] * frequency
    cosine, sine = angle.cos().to(dtype), angle.sin().to(dtype)
    return torch.cat((cosine, cosine), dim=-1), torch.cat((-sine, sine), dim=-1)


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate the last dimension of ``x``: pairs are (i, i + half)."""
    return torch.addcmul(x * cosine, x.roll(x.shape[-1] // 2, dims=-1), sine)
