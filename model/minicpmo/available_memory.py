# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How much memory is free, on processors, graphics cards, and chips where both share it."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import torch

from minicpmo.errors import ConfigurationError

UNIFIED_RESERVE = 1 << 30
"""Left to the system, the other nodes and the page cache where CPU and GPU share memory."""


def available_memory(device: torch.device) -> int:
    """Return the bytes that are free on ``device`` now.

    On chips with shared memory (Jetson) the driver counts the page cache as taken, and that is
    full right after a model was downloaded or read; the kernel's estimate, which knows what can
    be reclaimed, is used there instead.
    """
    if device.type == 'cuda' and not shares_memory(device):
        return torch.cuda.mem_get_info(device)[0]
    free = _meminfo_available()
    limit = _container_room()
    free = free if limit is None else min(free, limit)
    return max(free - UNIFIED_RESERVE, 0) if device.type == 'cuda' else free


def shares_memory(device: torch.device) -> bool:
    """Return whether host and device have one memory, as on a Jetson and without a GPU."""
    return device.type != 'cuda' or torch.cuda.get_device_properties(device).is_integrated


def _meminfo_available() -> int:
    for line in Path('/proc/meminfo').read_text(encoding='ascii').splitlines():
        if line.startswith('MemAvailable:'):
            return int(line.split()[1]) * 1024
    raise ConfigurationError('/proc/meminfo has no MemAvailable; this needs Linux 3.14 or newer')


def _container_room() -> Optional[int]:
    """Return what the control group still allows, None where there is no limit.

    Clean file pages count as used there although they can be reclaimed at once.
    """
    folder = Path('/sys/fs/cgroup')
    try:
        limit = (folder / 'memory.max').read_text(encoding='ascii').strip()
        used = int((folder / 'memory.current').read_text(encoding='ascii'))
        pages = (folder / 'memory.stat').read_text(encoding='ascii').split()
    except OSError:
        return None
    reclaimable = int(pages[pages.index('inactive_file') + 1])
    return None if limit == 'max' else max(int(limit) - used + reclaimable, 0)
