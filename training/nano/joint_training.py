# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Last stage: ears, eyes and the language model learn together, from sound and pictures to words.

Everything is made while it is learned from, so hardly anything is met twice. Made for a GPU, which
needs about fifteen processor cores to feed it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
import threading
import time
from typing import Optional

import numpy as np
import torch
from torch import Tensor, nn

from minicpmo.attention import avoid_cudnn
from minicpmo.tokenizer import PretrainedTokenizer
from training.nano.asking import UNITS as ASKED_UNITS
from training.nano.joint_model import JointTrainee, begin, weighted
from training.nano.joint_sample import CONVERSATION_UNITS, Sample, SampleStream
from training.nano.joint_store import SampleStore, StoreSize
from training.nano.trainer import Schedule, Trainer

NAME = 'joint'


@dataclass(frozen=True)
class JointPlan:
    """What the batches are made of.

    cuts, asked, questions: sequences of a batch: of conversations, requests before any picture,
        questions about pictures.
    workers: processes that make samples. first_samples: kept before the first step.
    units: of a conversation [s]. noise_seconds: how much of every kind of noise each worker makes.
    store: what is kept of the samples. seed: of the samples and of what is drawn from them.
    """

    cuts: int = 64
    asked: int = 128
    questions: int = 48
    workers: int = 12
    first_samples: int = 300
    units: int = CONVERSATION_UNITS
    noise_seconds: float = 60
    store: StoreSize = StoreSize()
    seed: int = 9


class SampleFeed:
    """Takes samples from the workers as they come, and waits for nobody."""

    def __init__(self, samples: SampleStream, workers: int) -> None:
        loader = torch.utils.data.DataLoader(
            samples, None, num_workers=workers, collate_fn=_same, prefetch_factor=4
        )
        self._samples = iter(loader)  # begins the processes, here and not in a thread
        self._ready: deque[Sample] = deque()
        self._stop = threading.Event()
        self._error: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for sample in self._samples:
                while len(self._ready) > 500 and not self._stop.is_set():
                    time.sleep(0.01)
                if self._stop.is_set():
                    return
                self._ready.append(sample)
        except BaseException as error:
            self._error = error

    def take(self) -> list[Sample]:
        """Return the samples that are ready.

        Raises:
            RuntimeError: the workers have failed.
        """
        if self._error is not None:
            raise RuntimeError(f'the workers failed: {self._error}') from self._error
        return [self._ready.popleft() for _ in range(len(self._ready))]

    def close(self) -> None:
        """Stop the workers."""
        self._stop.set()
        self._thread.join()


def _same(sample: Sample) -> Sample:
    return sample


def batches(store: SampleStore, feed: SampleFeed, plan: JointPlan) -> Iterator[dict[str, Tensor]]:
    """Yield batches for ever, each from what has come until then."""
    rng = np.random.default_rng((plan.seed, 77))
    known = 0
    while True:
        fresh = feed.take()
        known += len(fresh)
        for sample in fresh:
            store.add(sample)
        if known < plan.first_samples or not store.ready:
            time.sleep(0.02)
            continue
        yield store.batch(rng, plan.cuts, plan.asked, plan.questions)


def train(
    pool: Path,
    run: Path,
    schedule: Schedule,
    plan: JointPlan,
    vocabulary: Path,
    start: Optional[Path] = None,
) -> dict[str, float]:
    """Train; continues from ``run/joint.pt`` if it is there.

    Args:
        pool: folder of the spoken sentences.
        run: folder of the checkpoints of all stages.
        schedule: how long and how fast.
        plan: what the batches are made of.
        vocabulary: folder of the tokenizer.
        start: folder of a finished model to begin with, None for the earlier stages of the run.
    """
    torch.manual_seed(schedule.seed)
    torch.set_float32_matmul_precision('high')
    samples = SampleStream(pool, vocabulary, plan.seed, plan.noise_seconds, plan.units)
    feed = SampleFeed(samples, plan.workers)  # its processes begin before a GPU is touched
    try:
        model = begin(PretrainedTokenizer(vocabulary).vocab_size, run, start)
        return fit(model, run, schedule, plan, feed)
    finally:
        feed.close()


def fit(
    model: JointTrainee, run: Path, schedule: Schedule, plan: JointPlan, feed: SampleFeed
) -> dict[str, float]:
    """Train a model on what a feed brings."""
    trainer = Trainer(NAME, model, run, schedule, slower=('apm.', 'audio_', 'vpm.', 'resampler.'))
    avoid_cudnn(trainer.device)
    store = SampleStore(plan.store, plan.units, ASKED_UNITS, trainer.device)

    def losses(trainee: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        return weighted(trainee, store, batch)

    return trainer.fit(batches(store, feed, plan), losses)
