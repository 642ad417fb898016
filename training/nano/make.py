# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Make model/nano from nothing: ``python -m training.nano.make``.

Every stage keeps what is done and goes on after an interruption. ``--tiny`` runs the whole recipe
in seconds to see that it works; the result knows nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from training.nano import (
    audio_training,
    language_pretraining,
    language_training,
    stream,
    vision_training,
)
from training.nano.export import export
from training.nano.pool_stage import write_training_pool
from training.nano.progress import recorded
from training.nano.tokenizer_builder import write_tokenizer
from training.nano.trainer import Schedule

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """Sizes, schedules and seeds of all stages.

    pool_share: part of the readings that are made; pool_seed: their seed.
    shards, scripts, units: files of streams, conversations in each, seconds in each of those.
    noise_seconds: how much of every kind of noise is made.
    """

    audio: Schedule
    vision: Schedule
    symbolic: Schedule
    language: Schedule
    pool_share: float = 1.0
    pool_seed: int = 1
    shards: int = 20
    scripts: int = 16
    units: int = 120
    stream_seed: int = 5
    noise_seconds: float = 120


FULL = Recipe(
    audio=Schedule(5800, 16, 1.2e-3, 1, 200, 0.01),
    vision=Schedule(3800, 32, 1e-3, 2, 200),
    symbolic=Schedule(800, 16, 2e-3, 5, 100),
    language=Schedule(1500, 8, 1.2e-3, 3, 50),
    shards=44,
)
TINY = Recipe(
    audio=Schedule(2, 2, 1e-3, 1),
    vision=Schedule(2, 2, 1e-3, 2),
    symbolic=Schedule(2, 2, 1e-3, 5),
    language=Schedule(2, 2, 1e-3, 3),
    pool_share=0.001,
    shards=1,
    scripts=1,
    units=30,
    noise_seconds=2,
)


@dataclass(frozen=True)
class Place:
    """Folders: generated data, checkpoints, the finished model; and the file of records."""

    cache: Path
    run: Path
    model: Path
    record: Path


def stages(recipe: Recipe, place: Place) -> dict[str, tuple[dict, Callable[[], dict | None]]]:
    """Return for every stage, in order, its settings and what runs it."""
    pools, streams = place.cache / 'utterance', place.cache / 'stream'
    return {
        'tokenizer': ({}, lambda: write_tokenizer(place.model)),
        'pools': (
            {'seed': recipe.pool_seed, 'share': recipe.pool_share},
            lambda: write_training_pool(pools / 'training', recipe.pool_seed, recipe.pool_share),
        ),
        'audio': (
            asdict(recipe.audio),
            lambda: audio_training.train(
                pools / 'training', place.run, recipe.audio, recipe.noise_seconds
            ),
        ),
        'vision': (
            asdict(recipe.vision),
            lambda: vision_training.train(place.run, recipe.vision),
        ),
        'symbolic': (
            asdict(recipe.symbolic),
            lambda: language_pretraining.train(place.run, recipe.symbolic),
        ),
        'streams': (
            {'seed': recipe.stream_seed, 'conversations': recipe.shards * recipe.scripts},
            lambda: stream.write_shards(
                streams,
                pools,
                place.run,
                recipe.shards,
                recipe.scripts,
                recipe.stream_seed,
                recipe.units,
                recipe.noise_seconds,
            ),
        ),
        'language': (
            asdict(recipe.language),
            lambda: language_training.train(streams, place.run, recipe.language),
        ),
        'export': ({}, lambda: export(place.run, place.model)),
    }


def make(recipe: Recipe, place: Place) -> None:
    """Run all stages; what each took and reached goes into the record."""
    place.record.parent.mkdir(parents=True, exist_ok=True)
    for name, (settings, run) in stages(recipe, place).items():
        print(f'== {name}', flush=True)
        with recorded(name, place.record, **settings) as results:
            results.update(run() or {})


def main() -> None:
    """Read the command line and make the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--tiny', action='store_true', help='the whole recipe in seconds')
    parser.add_argument('--cache', type=Path, default=_HERE / 'cache')
    parser.add_argument('--run', type=Path, default=_HERE / 'runs')
    parser.add_argument('--model', type=Path, default=_HERE.parents[1] / 'model' / 'nano')
    parser.add_argument('--threads', type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    record = _HERE / 'record.json'
    if arguments.tiny:
        record = arguments.run / 'record.json'
    place = Place(arguments.cache, arguments.run, arguments.model, record)
    make(TINY if arguments.tiny else FULL, place)


if __name__ == '__main__':
    main()
