# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Compare this engine with a folder of recorded vectors: ``python -m minicpmo.check DIR``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
import sys
from typing import Optional

import torch

from minicpmo.checks.registry import all_stages
from minicpmo.checks.stage import Stage, StageResult
from minicpmo.checks.vectors import Vectors
from minicpmo.engine import choose_device
from minicpmo.errors import MiniCPMOError

SHARED_FILES = ('config.json', 'id_map.json', 'weights.safetensors', 'inputs/audio.safetensors')
"""Files of no single stage: without them every stage that needs them fails."""


def run_stage(stage: Stage, vectors: Vectors) -> Iterator[StageResult]:
    """Yield the results of one stage; whatever goes wrong in it is a failed result."""
    absent = [name for name in stage.needs if not vectors.has(name)]
    own = [name for name in stage.needs if name not in SHARED_FILES]
    if own and set(own) <= set(absent):
        yield StageResult.nothing(stage.name, own)
        return
    if absent:
        yield StageResult(stage.name, False, detail=f'not in the folder: {", ".join(absent)}')
        return
    try:
        yield from stage.run(vectors)
    except Exception as error:  # a stage must not hide the result of the others
        yield StageResult(stage.name, False, detail=f'{type(error).__name__}: {error}')


def run(vectors: Vectors, names: Optional[Sequence[str]] = None) -> Iterator[StageResult]:
    """Yield the results of all stages, or of those whose names are given."""
    for stage in all_stages():
        if not names or stage.name in names:
            yield from run_stage(stage, vectors)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Print one line per result; return 1 if any failed or none passed, 2 without a folder."""
    parser = argparse.ArgumentParser(prog='python -m minicpmo.check', description=__doc__)
    parser.add_argument('folder', help='folder with config.json, weights and recorded vectors')
    parser.add_argument('--stage', action='append', help='only this stage (repeatable)')
    parser.add_argument(
        '--fixed-shapes',
        action='store_true',
        help='on the steps that are captured as CUDA graphs, padded as they are there',
    )
    parser.add_argument('--device', default='cpu', help='cpu, cuda, cuda:N or auto')
    parser.add_argument('--list', action='store_true', help='print the stages and stop')
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # the recordings were made with one thread
    # With TensorFloat-32 nothing would be within float32 rounding of them.
    torch.backends.cudnn.allow_tf32 = False
    names = [stage.name for stage in all_stages()]
    unknown = set(options.stage or ()) - set(names)
    if unknown:
        parser.error(f'unknown stage {", ".join(sorted(unknown))}; known: {", ".join(names)}')
    if options.list:
        print('\n'.join(names))
        return 0
    try:
        vectors = Vectors(options.folder, options.fixed_shapes, choose_device(options.device))
    except MiniCPMOError as error:
        print(error, file=sys.stderr)
        return 2
    return _report(run(vectors, options.stage))


def _report(results: Iterator[StageResult]) -> int:
    passed, failed, absent = 0, 0, 0
    for result in results:
        print(result.line(), flush=True)
        passed += result.passed
        absent += result.absent
        failed += not result.passed and not result.absent
    print(f'{passed} passed, {failed} failed, {absent} not checked')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
