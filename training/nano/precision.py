# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which number format the hardware trains fastest in."""

from __future__ import annotations

from pathlib import Path

import torch

_CPU_INFO = Path('/proc/cpuinfo')
_FAST_FLAGS = frozenset({'avx512_bf16', 'amx_bf16', 'bf16'})


def has_fast_bfloat16(device_type: str, cpu_info: Path = _CPU_INFO) -> bool:
    """Return whether the device multiplies bfloat16 itself.

    Others emulate it, which is many times slower than float32.
    """
    if device_type == 'cuda':
        return torch.cuda.is_bf16_supported()
    if not cpu_info.exists():
        return False
    words = cpu_info.read_text().split()
    return not _FAST_FLAGS.isdisjoint(words)


def mixed_precision(device_type: str) -> torch.autocast:
    """Return the context that forward passes of the training run in."""
    return torch.autocast(device_type, torch.bfloat16, enabled=has_fast_bfloat16(device_type))
