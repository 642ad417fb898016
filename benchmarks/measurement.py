# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Statistics, hardware and files of results; shared by all benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
import json
import os
from pathlib import Path
import platform
import sys
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / 'results'


def summary(values: np.ndarray, unit: str) -> dict[str, Any]:
    """Return n, median, 95th percentile and maximum of measured values, with their unit."""
    data = np.asarray(values, float)
    return {
        'unit': unit,
        'n': int(data.size),
        'p50': float(np.percentile(data, 50)),
        'p95': float(np.percentile(data, 95)),
        'max': float(data.max()),
    }


def conditions() -> dict[str, Any]:
    """Return where, when and by which command something is measured."""
    return {
        'date': datetime.now(timezone.utc).strftime('%Y-%m-%d %H:%M UTC'),
        'command': ' '.join(['python', '-m', _module(), *sys.argv[1:]]),
        'processor': processor_name(),
        'cores': len(os.sched_getaffinity(0)),
        'load_before': os.getloadavg()[0],
        'niceness': os.nice(0),
        'python': platform.python_version(),
        'system': f'{platform.system()} {platform.machine()}',
    }


def _module() -> str:
    spec = sys.modules['__main__'].__spec__
    return spec.name if spec else Path(sys.argv[0]).stem


def processor_name() -> str:
    """Return the name of the processor as the system tells it."""
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.split(':', 1)[1].strip() for line in lines if line.startswith('model name'))
    return next(names, platform.machine())


def print_and_record(
    name: str, rows: Mapping[str, Mapping[str, Any]], record: bool, **extra: Any
) -> None:
    """Print rows made by :func:`summary`; ``record`` writes them to results.

    Written are NAME.json and, to be read by people, NAME.md.
    """
    width = max(map(len, rows))
    for title, row in rows.items():
        numbers = '  '.join(f'{key} {row[key]:9.2f}' for key in ('p50', 'p95', 'max'))
        print(f'{title:<{width}}  n {row["n"]:5d}  {numbers}  {row["unit"]}')
    if record:
        RESULTS.mkdir(exist_ok=True)
        content = {'conditions': conditions(), 'rows': dict(rows), **extra}
        (RESULTS / f'{name}.json').write_text(json.dumps(content, indent=2) + '\n')
        (RESULTS / f'{name}.md').write_text(markdown(name, content))


def markdown(name: str, content: Mapping[str, Any]) -> str:
    """Return a result as a Markdown page: conditions, table of rows, and the rest as a list."""
    lines = [f'# {name}', '']
    lines += [f'* {key}: {value}' for key, value in content['conditions'].items()]
    lines += [
        '',
        '| measured | n | p50 | p95 | max | unit |',
        '| --- | --- | --- | --- | --- | --- |',
    ]
    for title, row in content['rows'].items():
        numbers = ' | '.join(f'{row[key]:.2f}' for key in ('p50', 'p95', 'max'))
        lines.append(f'| {title} | {row["n"]} | {numbers} | {row["unit"]} |')
    rest = {key: value for key, value in content.items() if key not in ('conditions', 'rows')}
    for key, value in rest.items():
        lines += ['', f'## {key}', '', *_list(value)]
    return '\n'.join(lines) + '\n'


def _list(value: Any) -> list[str]:
    """Return any result as lines of a Markdown list."""
    if isinstance(value, Mapping):
        return [f'* {key}: {entry}' for key, entry in value.items()]
    if isinstance(value, (list, tuple)):
        return [f'* {entry}' for entry in value]
    return [f'{value}']
