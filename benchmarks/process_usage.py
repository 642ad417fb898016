# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Processor time and memory of running processes, from /proc."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf('SC_CLK_TCK')
PAGE = os.sysconf('SC_PAGE_SIZE')


def processor_seconds(pid: int) -> float:
    """Return the processor time that all threads of a process used so far [s]."""
    # The name in the second field may contain blanks, so counting begins behind its bracket.
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is in RAM."""
    return int(Path(f'/proc/{pid}/statm').read_text().split()[1]) * PAGE


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, directly or not."""
    children = []
    for task in Path(f'/proc/{pid}/task').iterdir():
        children += [int(child) for child in (task / 'children').read_text().split()]
    return [each for child in children for each in (child, *descendants(child))]
