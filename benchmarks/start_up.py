# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure how long a model takes from nothing to its first answered unit.

``python -m benchmarks.start_up --model FOLDER`` starts fresh processes that import, load, prepare
a session (which runs and captures every step where there is CUDA) and answer one second of sound
with a picture, as ``configure`` and the first unit of the inference node do. From the second run
on the files come from the page cache; the first process is printed by itself, since it may have
waited for the disk. Nothing is compiled ahead of time.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measurement import print_and_record, summary

if TYPE_CHECKING:
    import torch

NANO = Path(__file__).resolve().parents[1] / 'model' / 'nano'
PHASES = ('import', 'load', 'prepare', 'first unit', 'total', 'processor')


def start(folder: str, options: dict[str, str]) -> dict[str, float | str]:
    """Go through all phases in this process; return seconds by phase, and how the model runs."""
    marks = [time.perf_counter()]
    from minicpmo.engine import Engine
    from minicpmo.protocol import Unit

    marks.append(time.perf_counter())
    engine = Engine.load(folder, **options)
    marks.append(time.perf_counter())
    session = engine.prepare()
    marks.append(time.perf_counter())
    side = engine.model.config.slicing.scale_resolution
    pictures = (np.zeros((side, side, 3), np.uint8),) if engine.capabilities.vision else ()
    session.step(Unit(0, np.zeros(16000, np.float32), pictures))
    marks.append(time.perf_counter())
    phases = dict(zip(PHASES, np.diff(marks).tolist(), strict=False))
    total = marks[-1] - marks[0]
    runs = (
        f'{_hardware(engine.model.device)}, {engine.model.dtype}, {engine.capabilities.execution}'
    )
    return {**phases, 'total': total, 'processor': time.process_time(), 'runs': runs}


def _hardware(device: torch.device) -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == 'cuda' else 'CPU'


def main() -> None:
    """Measure in processes of their own and print one row per phase."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--model', default=str(NANO), help='model folder')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--quantization', default='none')
    parser.add_argument('--offload', default='auto')
    parser.add_argument('--runs', type=int, default=3)
    parser.add_argument('--record', action='store_true', help='write benchmarks/results')
    parser.add_argument('--child', action='store_true', help=argparse.SUPPRESS)
    given = parser.parse_args()
    options = {name: getattr(given, name) for name in ('device', 'quantization', 'offload')}
    if given.child:
        print(json.dumps(start(given.model, options)))
        return
    command = [sys.executable, '-m', 'benchmarks.start_up', '--child', '--model', given.model]
    command += [part for name, value in options.items() for part in (f'--{name}', value)]
    found = []
    for _ in range(given.runs):
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found.append(json.loads(output.splitlines()[-1]))
    rows = {phase: summary(np.array([run[phase] for run in found]), 's') for phase in PHASES}
    name = f'start_up_{Path(given.model).resolve().name}'
    if given.quantization != 'none':
        name = f'{name}_{given.quantization}'
    runs = f'{found[-1]["runs"]}; first process {found[0]["total"]:.1f} s'
    print_and_record(name, rows, given.record, runs=runs, bar='60 s to the first unit')
    print(runs)


if __name__ == '__main__':
    main()
