# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Make model/nano from nothing: ``python -m training.nano.make``.

Every stage keeps what is done and goes on after an interruption. ``--continue-from FOLDER`` begins
with the weights of a finished model and teaches it more. ``--tiny`` runs the whole recipe in
seconds to see that it works; the result knows nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Optional

import torch

from training.nano import (
    audio_training,
    joint_training,
    language_pretraining,
    language_training,
    vision_training,
)
from training.nano.export import export
from training.nano.joint_store import StoreSize
from training.nano.joint_training import JointPlan
from training.nano.language_training import PICTURES
from training.nano.picture_question import write_pictures
from training.nano.pool_stage import write_training_pool
from training.nano.progress import recorded
from training.nano.stream import load_encoders, write_shards
from training.nano.tokenizer_builder import write_tokenizer
from training.nano.trainer import Schedule

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Recipe:
    """Sizes, schedules and seeds of all stages.

    pool_share: part of the readings that are made; pool_seed: their seed.
    shards, scripts, units: files of streams, conversations in each, seconds in each of those.
    pictures: how many are drawn for questions about them; question_share: of the batches of the
        language stage that hold such questions only.
    plan: what the batches of the joint stage are made of.
    noise_seconds: how much of every kind of noise is made.
    start: folder of a finished model to begin with, None begins with random weights.
    """

    audio: Schedule
    vision: Schedule
    symbolic: Schedule
    language: Schedule
    joint: Schedule
    plan: JointPlan = JointPlan()
    pool_share: float = 1.0
    pool_seed: int = 1
    shards: int = 20
    scripts: int = 16
    units: int = 120
    stream_seed: int = 5
    pictures: int = 2400
    picture_seed: int = 31
    question_share: float = 1 / 3
    noise_seconds: float = 120
    start: Optional[Path] = None


FULL = Recipe(
    audio=Schedule(9000, 8, 7e-4, 1, 200, 0.01),
    vision=Schedule(5000, 32, 7e-4, 2, 200),
    symbolic=Schedule(1000, 16, 8e-4, 5, 100),
    language=Schedule(4000, 3, 8e-4, 3, 50),
    joint=Schedule(2200, 240, 1e-3, 9, 60, 0.01),
    shards=44,
)
_NOTHING = Schedule(0, 1, 1e-3, 1)
CONTINUED = replace(
    FULL,
    audio=_NOTHING,
    vision=_NOTHING,
    symbolic=_NOTHING,
    language=_NOTHING,
    shards=0,
    pictures=0,
)
"""A finished model hears, sees and talks already: all its parts go on together."""

ON_PROCESSORS = {
    'joint': Schedule(300, 11, 3e-4, 9, 50, 0.01),
    'plan': JointPlan(
        cuts=3,
        asked=6,
        questions=2,
        workers=1,
        first_samples=40,
        store=StoreSize(60, 400, 2500, 900),
    ),
}
"""The joint stage without a GPU: about eight seconds a step on two cores."""

TINY = Recipe(
    audio=Schedule(2, 2, 1e-3, 1),
    vision=Schedule(2, 2, 1e-3, 2),
    symbolic=Schedule(2, 2, 1e-3, 5),
    language=Schedule(2, 2, 1e-3, 3),
    joint=Schedule(2, 4, 1e-3, 9),
    plan=JointPlan(
        cuts=1,
        asked=2,
        questions=1,
        workers=1,
        first_samples=12,
        units=30,
        noise_seconds=2,
        store=StoreSize(4, 20, 200, 100),
    ),
    pool_share=0.001,
    shards=1,
    scripts=1,
    units=30,
    pictures=4,
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
    """Return for every stage, in order, its settings and what runs it.

    Stages that would do nothing are left out.
    """
    pools, streams = place.cache / 'utterance', place.cache / 'stream'
    pictures = streams / PICTURES
    result = {
        'tokenizer': ({}, lambda: write_tokenizer(place.model)),
        'pools': (
            {'seed': recipe.pool_seed, 'share': recipe.pool_share},
            lambda: write_training_pool(pools / 'training', recipe.pool_seed, recipe.pool_share),
        ),
        'audio': (
            asdict(recipe.audio),
            lambda: audio_training.train(
                pools / 'training', place.run, recipe.audio, recipe.noise_seconds, recipe.start
            ),
        ),
        'vision': (
            asdict(recipe.vision),
            lambda: vision_training.train(place.run, recipe.vision, recipe.start),
        ),
        'symbolic': (
            asdict(recipe.symbolic),
            lambda: language_pretraining.train(place.run, recipe.symbolic, recipe.start),
        ),
        'streams': (
            {'seed': recipe.stream_seed, 'conversations': recipe.shards * recipe.scripts},
            lambda: write_shards(
                streams,
                pools,
                load_encoders(place.run),
                recipe.shards,
                recipe.scripts,
                recipe.stream_seed,
                recipe.units,
                recipe.noise_seconds,
            ),
        ),
        'pictures': (
            {'seed': recipe.picture_seed, 'pictures': recipe.pictures},
            lambda: write_pictures(
                pictures, load_encoders(place.run)[1], recipe.pictures, recipe.picture_seed
            ),
        ),
        'language': (
            asdict(recipe.language),
            lambda: language_training.train(
                streams, place.run, recipe.language, recipe.question_share
            ),
        ),
        'joint': (
            {**asdict(recipe.joint), 'cuts': recipe.plan.cuts, 'asked': recipe.plan.asked},
            lambda: joint_training.train(
                pools / 'training',
                place.run,
                recipe.joint,
                recipe.plan,
                place.model,
                recipe.start,
            ),
        ),
        'export': ({}, lambda: export(place.run, place.model)),
    }
    counts = ('steps', 'conversations', 'pictures')
    return {
        name: (settings, run)
        for name, (settings, run) in result.items()
        if 0 not in {settings.get(count) for count in counts}
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
    parser.add_argument('--continue-from', type=Path, help='folder of a finished model')
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
    recipe = FULL if arguments.continue_from is None else CONTINUED
    if arguments.tiny:
        recipe = TINY
    elif not torch.cuda.is_available():
        if recipe is CONTINUED:
            parser.error('--continue-from needs a GPU: processors would take 200 times as long')
        recipe = replace(FULL, **ON_PROCESSORS)
    make(replace(recipe, start=arguments.continue_from), place)


if __name__ == '__main__':
    main()
