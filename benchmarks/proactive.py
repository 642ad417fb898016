# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure how watches are kept: P1 to P7, beside the model left to itself.

python -m benchmarks.proactive [--hours 2] [--empty-hours 1] [--videos FOLDER] [--record]

Generated homes that nano has never seen are watched for an hour each, on a virtual clock: units,
queue, questions, confirmation, events, announcements and store are those of the nodes, the time
that the model takes is its processor time on this machine. The model left to itself was told once
what to watch for. ``--videos`` takes annotated videos instead; see
benchmarks/proactive_simulation/video_folder.py for the format.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
import json
import multiprocessing
from pathlib import Path
import sys
import tempfile
import time

import numpy as np
import torch

from benchmarks.measurement import RESULTS, conditions
from benchmarks.proactive_simulation.assistant import Assistant, Mode
from benchmarks.proactive_simulation.judge import Verdict
from benchmarks.proactive_simulation.nano_home import NanoHome
from benchmarks.proactive_simulation.oracle_session import CAPABILITIES, OracleSession
from benchmarks.proactive_simulation.recording import Recording
from benchmarks.proactive_simulation.report import markdown, picture, table
from benchmarks.proactive_simulation.video_folder import read_folder
from minicpmo.backend import load_backend
from minicpmo.protocol import Capabilities, Session
from training.nano.voice import draw_voice, synthesize_many

NANO = Path(__file__).parents[1] / 'model' / 'nano'
SEED = 5_000_000
SENTENCES = (
    'Did you see my keys anywhere?',
    'I think we should eat at seven.',
    'The train was late again this morning.',
    'Can you bring the blue bag tomorrow?',
    'That was a long day.',
    'We could paint this wall next summer.',
    'My sister will call in the evening.',
    'I left the book at the office.',
)
SCHEDULER = Mode('watch scheduler', questions=True)
ALONE = Mode('model alone', questions=False)


def people(seed: int) -> list[np.ndarray]:
    """Return what people say to each other, int16 at 16 kHz, by voices nano never heard."""
    rng = np.random.default_rng(seed)
    return synthesize_many([(draw_voice(rng, held_out=True), text) for text in SENTENCES])


def homes(arguments: argparse.Namespace) -> Iterator[NanoHome]:
    """Yield the generated scenes."""
    clips = people(arguments.seed)
    for index in range(arguments.hours + arguments.empty_hours):
        eventful = index < arguments.hours
        rendered = not arguments.oracle
        yield NanoHome(arguments.seed + index, arguments.seconds, clips, eventful, rendered)


def open_session(
    arguments: argparse.Namespace, recording: Recording
) -> tuple[Session, Capabilities]:
    """Return the session that watches a scene, and what it can do."""
    if arguments.oracle:
        return OracleSession(recording.truth, *arguments.oracle), CAPABILITIES
    backend = load_backend(arguments.model, device=arguments.device)
    return backend.prepare(seed=0, text_only=True), backend.capabilities


def measure(arguments: argparse.Namespace, recording: Recording, mode: Mode) -> Verdict:
    """Play one scene in one mode."""
    torch.set_num_threads(1)
    begun = time.process_time()
    session, capabilities = open_session(arguments, recording)
    with tempfile.TemporaryDirectory() as folder:
        observer = Assistant(session, capabilities, Path(folder), mode).play(recording)
    verdict = Verdict()
    verdict.add(observer)
    seconds = time.process_time() - begun
    print(f'{mode.name}: {recording.truth.name}, {seconds:.0f} s of processor time', flush=True)
    for warning in sorted(set(observer.warnings)):
        print(f'  warning: {warning}')
    return verdict


def measure_all(arguments: argparse.Namespace, recordings: list[Recording]) -> dict[str, Verdict]:
    """Play all scenes in both modes, ``jobs`` at a time."""
    modes = (SCHEDULER,) if arguments.oracle else (SCHEDULER, ALONE)
    verdicts = {mode.name: Verdict() for mode in modes}
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(arguments.jobs, mp_context=context) as pool:
        waiting = [
            (mode.name, pool.submit(measure, arguments, recording, mode))
            for mode in modes
            for recording in recordings
        ]
        for name, verdict in waiting:
            verdicts[name].extend(verdict.result())
    return verdicts


def main() -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--hours', type=int, default=2, help='scenes in which things happen')
    parser.add_argument('--empty-hours', type=int, default=1, help='scenes without events')
    parser.add_argument('--seconds', type=int, default=3600, help='length of a scene')
    parser.add_argument('--seed', type=int, default=SEED, help='of the first scene')
    parser.add_argument('--model', type=Path, default=NANO, help='model folder')
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:N')
    parser.add_argument('--jobs', type=int, default=1, help='scenes at a time')
    parser.add_argument('--videos', type=Path, help='folder of annotated videos')
    parser.add_argument(
        '--oracle',
        type=float,
        nargs=2,
        metavar=('MISS', 'FALSE_YES'),
        help='instead of the model: answers from the truth, wrong at these rates',
    )
    parser.add_argument('--record', action='store_true', help='write benchmarks/results')
    arguments = parser.parse_args()
    recordings: list[Recording] = (
        list(read_folder(arguments.videos)) if arguments.videos else list(homes(arguments))
    )
    where = conditions()
    verdicts = measure_all(arguments, recordings)
    results = {name: verdict.metrics() for name, verdict in verdicts.items()}
    print(table(results))
    if arguments.record:
        names = ', '.join(recording.truth.name for recording in recordings)
        record('proactive_logic' if arguments.oracle else 'proactive', verdicts, where, names)
    return 0


def record(title: str, verdicts: dict[str, Verdict], where: dict, scenes: str) -> None:
    """Write the results as JSON, as a document and as a picture."""
    results = {name: verdict.metrics() for name, verdict in verdicts.items()}
    rows = {name: [asdict(metric) for metric in metrics] for name, metrics in results.items()}
    events = {
        name: [
            {'watch': d.event.watch_id, 'begin': round(d.event.begin, 2), 'delay': d.delay}
            for d in verdict.detections
        ]
        for name, verdict in verdicts.items()
    }
    content = {'conditions': where, 'scenes': scenes, 'rows': rows, 'events': events}
    (RESULTS / f'{title}.json').write_text(json.dumps(content, indent=1) + '\n')
    (RESULTS / f'{title}.md').write_text(markdown(title, results, verdicts, where, scenes) + '\n')
    picture(verdicts, RESULTS / f'{title}.png')


if __name__ == '__main__':
    sys.exit(main())
