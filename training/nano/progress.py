# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Progress with remaining time, and the record of what each stage took."""

from __future__ import annotations

from contextlib import contextmanager
import json
import os
from pathlib import Path
import platform
import time
from typing import Iterator

import torch

RECORD_PATH = Path(__file__).parent / 'record.json'


class Progress:
    """Prints at most one line every ``interval`` seconds."""

    def __init__(self, name: str, total: int, interval: float = 10.0) -> None:
        self._name, self._total, self._interval = name, total, interval
        self._start = self._printed = time.monotonic()
        self._first: int | None = None

    def update(self, done: int, note: str = '') -> None:
        """Report that ``done`` of the total are finished."""
        now = time.monotonic()
        if self._first is None:
            self._first = done
            self._start = now
        if now - self._printed < self._interval and done < self._total:
            return
        self._printed = now
        rate = (done - self._first) / max(now - self._start, 1e-9)
        left = (self._total - done) / rate if rate > 0 else float('nan')
        print(f'{self._name}: {done}/{self._total}, {left:.0f} s left {note}', flush=True)


def hardware() -> str:
    """Return the processor or GPU that training runs on."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f'{_processor_name()}, {torch.get_num_threads()} of {os.cpu_count()} cores'


def _processor_name() -> str:
    path = Path('/proc/cpuinfo')
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()


@contextmanager
def recorded(stage: str, path: Path = RECORD_PATH, **facts: object) -> Iterator[dict]:
    """Measure a stage; what the caller puts into the yielded dict is recorded with it."""
    results: dict[str, object] = {}
    start = time.monotonic()
    yield results
    record = json.loads(path.read_text()) if path.exists() else {}
    record[stage] = {
        **facts,
        **results,
        'seconds': round(time.monotonic() - start, 1),
        'hardware': hardware(),
    }
    path.write_text(json.dumps(record, indent=1) + '\n')
