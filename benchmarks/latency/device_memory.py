# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a measured engine takes of a CUDA device."""

from __future__ import annotations

import gc

import torch

GIGABYTE = 1e9


def forget_memory(device: torch.device) -> None:
    """Give free memory of a CUDA device back and count its peaks anew."""
    if device.type == 'cuda':
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def device_memory(device: torch.device) -> dict[str, float]:
    """Return what was in use at most on a CUDA device since :func:`forget_memory` [GB].

    device_gb: what the driver counts as taken now, by this process and any other.
    """
    if device.type != 'cuda':
        return {}
    free, total = torch.cuda.mem_get_info(device)
    return {
        'allocated_gb_peak': torch.cuda.max_memory_allocated(device) / GIGABYTE,
        'reserved_gb_peak': torch.cuda.max_memory_reserved(device) / GIGABYTE,
        'device_gb': (total - free) / GIGABYTE,
    }
