# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure barge-in in a simulated room, beside what others ship.

python benchmarks/barge_in.py [--quick] [--scenes WORD ...] [--systems NAME ...]
    [--trials N] [--output FOLDER]

Runs the real audio engine, detector, canceller and policy on one sample counter. The baselines
have the same microphone: one without echo cancellation, and two with AEC3 that flush after 0.5 s
and 0.2 s of speech and give nothing back.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
import json
from pathlib import Path
import sys
import time

from benchmarks.barge_in_simulation.baseline import FlushAfter
from benchmarks.barge_in_simulation.material import Material
from benchmarks.barge_in_simulation.measure import measure
from benchmarks.barge_in_simulation.record import System
from benchmarks.barge_in_simulation.report import bars, markdown, picture, table
from benchmarks.barge_in_simulation.scenario import SCENARIOS, Scenario, quick
from benchmarks.barge_in_simulation.trial import Trial
from minicpmo_ros.barge_in.controller import BargeInController
from minicpmo_ros.sound_device.audio_engine import AudioConfig, AudioEngine
from minicpmo_ros.sound_device.echo_canceller import EchoCancellation

OUTPUT = Path(__file__).parent / 'results'
QUICK_TRIALS = 2
BASELINE_TRIALS = 20
# The baselines are shown where they differ.
BASELINE_SCENES = (
    'echo -6 dB',
    'echo +0 dB',
    'echo +6 dB',
    'backchannel',
    'door slam',
    'television on',
    'monologue, echo +0 dB',
)


def _engine(kind: EchoCancellation) -> AudioEngine:
    return AudioEngine(AudioConfig(echo_cancellation=kind))


SYSTEMS = (
    System('this package', lambda: _engine(EchoCancellation.SOFTWARE), BargeInController),
    System('no echo cancellation', lambda: _engine(EchoCancellation.NONE), BargeInController),
    System('detector 500 ms', lambda: _engine(EchoCancellation.WEBRTC), lambda: FlushAfter(0.5)),
    System('flush only', lambda: _engine(EchoCancellation.WEBRTC), lambda: FlushAfter(0.2)),
)


def chosen(words: Sequence[str], is_quick: bool) -> list[Scenario]:
    """Return the scenes whose name or group contains one of the words, all without words."""
    scenes = [
        scene
        for scene in SCENARIOS
        if not words or any(word in (scene.name + ' ' + scene.group) for word in words)
    ]
    return [quick(scene, QUICK_TRIALS) for scene in scenes] if is_quick else scenes


def run(
    system: System, scenes: Sequence[Scenario], material: Material
) -> Iterator[dict[str, object]]:
    """Yield the metrics of a system scene by scene."""
    for scene in scenes:
        begun = time.monotonic()
        records = [Trial(scene, number, material).run(system) for number in range(scene.trials)]
        yield measure(scene, records).to_dict()
        seconds = time.monotonic() - begun
        print(f'{system.name}: {scene.name} ({seconds:.0f} s)', file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print and write; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--quick', action='store_true', help='two short trials a scene')
    parser.add_argument('--scenes', nargs='*', default=[], metavar='WORD')
    parser.add_argument('--systems', nargs='*', default=[system.name for system in SYSTEMS])
    parser.add_argument('--trials', type=int, help='most trials a scene; all of them if not given')
    parser.add_argument('--output', type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    scenes, material = chosen(options.scenes, options.quick), Material()
    if options.trials is not None:
        scenes = [replace(scene, trials=min(options.trials, scene.trials)) for scene in scenes]
    results = {}
    for system in SYSTEMS:
        if system.name not in options.systems:
            continue
        mine = scenes
        if system is not SYSTEMS[0]:
            mine = [
                replace(scene, trials=min(scene.trials, BASELINE_TRIALS))
                for scene in scenes
                if scene.name in BASELINE_SCENES
            ]
        results[system.name] = []
        for row in run(system, mine, material):
            results[system.name].append(row)
            _write(results, options.output, options.quick)
    print(table(results))
    return _judge(results.get(SYSTEMS[0].name, []))


def join(old: list[dict], new: list[dict]) -> list[dict]:
    """Return the rows of both in the order of the scenes; new ones win."""
    rows = {row['scenario']: row for row in [*old, *new]}
    return [rows[scene.name] for scene in SCENARIOS if scene.name in rows]


def _write(results: dict[str, list[dict]], folder: Path, is_quick: bool) -> None:
    """Write the numbers and the picture; what earlier runs have measured is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'barge_in.json'
    old = json.loads(path.read_text()) if path.exists() else {}
    merged = dict(old.get('systems', {})) if old.get('quick') == is_quick else {}
    for name, rows in results.items():
        merged[name] = join(merged.get(name, []), rows)
    ordered = {system.name: merged[system.name] for system in SYSTEMS if system.name in merged}
    stamp = time.strftime('%Y-%m-%d', time.gmtime())
    content = {'date': stamp, 'quick': is_quick, 'systems': ordered}
    path.write_text(json.dumps(content, indent=1) + '\n')
    trials = 'two short trials a scene' if is_quick else 'n trials a scene as stated'
    (folder / 'barge_in.md').write_text(markdown(ordered, stamp, trials))
    picture(ordered, folder / 'barge_in.png')


def _judge(rows: list[dict]) -> int:
    checks = bars(rows)
    print()
    for name, reached, numbers in checks:
        print(f'{"reached" if reached else "MISSED ":8s} {name}: {numbers}')
    return 0 if all(reached for _, reached, _ in checks) else 1


if __name__ == '__main__':
    sys.exit(main())
