# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What quantisation costs in quality: ``python -m minicpmo.quantization.check FOLDER``.

FOLDER holds recorded vectors, whose conversations are replayed, or a model, which is then given
a recording with ``--sound`` and pictures with ``--picture``. Prints per type how often the
quantised model finds the same token likeliest as the unquantised one, when both have followed the
same words, and how far the logits are apart.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
import logging
from pathlib import Path
import sys
from typing import Any, Optional

from minicpmo.checkpoint import load_model
from minicpmo.checks.recorded_session import RecordedModel
from minicpmo.checks.vectors import Vectors
from minicpmo.duplex import DuplexSession
from minicpmo.engine import Engine
from minicpmo.errors import InputError, MiniCPMOError
from minicpmo.protocol import Unit
from minicpmo.quantization.agreement import Agreement, compare
from minicpmo.quantization.scheme import Quantization
from minicpmo.replay import read_picture, read_sound, units_of

TYPES = tuple(kind.value for kind in Quantization if kind is not Quantization.NONE)


def recorded_agreement(folder: Path, quantization: Quantization) -> Agreement:
    """Return the agreement over all recorded greedy conversations of a folder."""
    exact = RecordedModel.load(Vectors(folder))
    quantized = replace(exact, model=load_model(folder, quantization=quantization))
    agreement = Agreement()
    for trace in _greedy_traces(exact.vectors):
        units = (exact.unit(unit['unit'], unit['input']) for unit in trace['units'])
        agreement.extend(compare(exact.session(trace), quantized.session(trace), units))
    return agreement


def engine_agreement(exact: Engine, quantized: Engine, units: Sequence[Unit]) -> Agreement:
    """Return the agreement of two loaded models over these units."""
    return compare(_session(exact), _session(quantized), units)


def _greedy_traces(vectors: Vectors) -> Iterator[dict[str, Any]]:
    for path in sorted(vectors.folder.glob('duplex_*.json')):
        trace = vectors.json(path.name)
        if trace['spec'].get('generate', {}).get('decode_mode', 'greedy') == 'greedy':
            yield trace


def _session(engine: Engine) -> DuplexSession:
    return engine.prepare(greedy=True, text_only=True, voice='none')


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command; return 1 when a model or an input cannot be used."""
    parser = argparse.ArgumentParser(
        prog='python -m minicpmo.quantization.check', description=__doc__
    )
    parser.add_argument('folder', type=Path, help='recorded vectors, or a model')
    parser.add_argument('--quantization', action='append', choices=TYPES, help='repeatable')
    parser.add_argument('--sound', help='sound file for a model')
    parser.add_argument('--picture', action='append', default=[], help='shown in turn')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--dtype', default='auto')
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format='%(message)s')
    try:
        for name, agreement in _agreements(options):
            print(f'{name:<5} {agreement.line()}', flush=True)
    except MiniCPMOError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _agreements(options: argparse.Namespace) -> Iterator[tuple[str, Agreement]]:
    wanted = options.quantization or TYPES
    if any(options.folder.glob('duplex_*.json')):
        for name in wanted:
            yield name, recorded_agreement(options.folder, Quantization(name))
        return
    if options.sound is None:
        raise InputError('a model needs a recording: pass --sound FILE')
    pictures = [read_picture(path) for path in options.picture]
    units = list(units_of(read_sound(options.sound), pictures))
    place = (options.folder, options.device, options.dtype)
    exact = Engine.load(*place)
    for name in wanted:
        quantized = Engine.load(*place, quantization=name, quantization_cache='none')
        yield name, engine_agreement(exact, quantized, units)


if __name__ == '__main__':
    sys.exit(main())
