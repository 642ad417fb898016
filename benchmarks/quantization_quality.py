# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure what quantisation costs in quality, on a trained model and on recorded vectors.

``python -m benchmarks.quantization_quality`` plays a recording second by second to the
unquantised model and to each quantised one, which goes on with the words of the unquantised, and
prints how often both find the same token likeliest, how far the logits are apart, and the bytes
of the language model. The recorded vectors have random weights: nearly all their tokens are
equally likely, so that they show the arithmetic, not what is lost in a conversation.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measurement import print_and_record, summary
from minicpmo.engine import Engine
from minicpmo.protocol import INPUT_SAMPLE_RATE, Unit
from minicpmo.quantization.agreement import Agreement
from minicpmo.quantization.check import TYPES, engine_agreement, recorded_agreement
from minicpmo.quantization.scheme import Quantization
from minicpmo_ros.media.item import Picture, Sound
from minicpmo_ros.media.opener import open_media

ROOT = Path(__file__).resolve().parents[1]
INT16_SCALE = 32768.0


def media_units(name: str) -> Iterator[Unit]:
    """Yield the seconds of a recording, each with the newest picture of its second."""
    sound = np.zeros(0, np.float32)
    pictures: dict[int, np.ndarray] = {}
    for item in open_media(name).items():
        if isinstance(item, Sound):
            sound = np.concatenate((sound, item.samples / np.float32(INT16_SCALE)))
        elif isinstance(item, Picture):
            pictures[int(item.time)] = item.pixels
    for index, audio in enumerate(
        sound[: len(sound) // INPUT_SAMPLE_RATE * INPUT_SAMPLE_RATE].reshape(-1, INPUT_SAMPLE_RATE)
    ):
        shown = (pictures[index],) if index in pictures else ()
        yield Unit(index, audio, shown)


def language_bytes(engine: Engine) -> int:
    """Return the bytes of all tensors of the language model."""
    llm = engine.model.llm
    return sum(tensor.nbytes for tensor in (*llm.parameters(), *llm.buffers()))


def rows_of(name: str, agreement: Agreement) -> dict[str, dict[str, Any]]:
    """Return the statistics of one comparison."""
    return {
        f'{name} same token': summary(np.array([agreement.share]), ''),
        f'{name} logit difference': summary(np.array(agreement.errors), ''),
        f'{name} divergence': summary(np.array(agreement.divergences), 'nat'),
    }


def main() -> None:
    """Measure all types and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--model', default=str(ROOT / 'model' / 'nano'))
    parser.add_argument('--media', default=str(ROOT / 'media' / 'home_monitor.mp4'))
    parser.add_argument('--vectors', type=Path, default=ROOT / 'tests' / 'data' / 'minicpmo45')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--dtype', default='auto')
    parser.add_argument('--record', action='store_true', help='write benchmarks/results')
    options = parser.parse_args()
    torch.set_num_threads(1)
    units = list(media_units(options.media))
    exact = Engine.load(options.model, options.device, options.dtype)
    rows, sizes, decisions = {}, {'none': language_bytes(exact)}, {}
    for kind in TYPES:
        quantized = Engine.load(
            options.model, options.device, options.dtype,
            quantization=kind, quantization_cache='none',
        )  # fmt: skip
        agreement = engine_agreement(exact, quantized, units)
        sizes[kind] = language_bytes(quantized)
        decisions[kind] = agreement.decisions
        rows.update(rows_of(f'{Path(options.model).name} {kind}', agreement))
        print(f'{kind}: {agreement.line()}, language model {sizes[kind] / (1 << 20):.2f} MiB')
        rows.update(
            rows_of(f'vectors {kind}', recorded_agreement(options.vectors, Quantization(kind)))
        )
    details = {'decisions': decisions, 'language_model_bytes': sizes, 'units': len(units)}
    print_and_record('quantization_quality', rows, options.record, **details)


if __name__ == '__main__':
    main()
