# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The language model of a finished model learns to find what matters in all that was said.

Ears and eyes stay as they are, and the sequences are short, so that no GPU is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from minicpmo.tokenizer import PretrainedTokenizer
from training.nano.language_data import Sequence, SequenceWriter, StreamFolder, collate
from training.nano.language_loss import decision_loss
from training.nano.language_trainee import LanguageTrainee
from training.nano.picture_question import PictureBank, PictureQuestions
from training.nano.recall import Recall, RowBank
from training.nano.trainer import Schedule, Trainer
from training.nano.warm_start import take_over

NAME = 'recall'
_ROW_NOISE = 0.05


@dataclass(frozen=True)
class RecallPlan:
    """What a round of batches is made of.

    short: batches of short sequences, of equal length so that little is padded; recalls,
        questions: in each of them, on average. long: batches of ``cuts`` pieces of conversations,
        so that nothing else is forgotten.
    """

    short: int = 4
    recalls: int = 28
    questions: int = 4
    long: int = 2
    cuts: int = 4


def batches(
    folder: StreamFolder, writer: SequenceWriter, plan: RecallPlan, seed: int
) -> Iterator[dict[str, Tensor]]:
    """Yield batches for ever."""
    rng = np.random.default_rng((seed, 55))
    bank = RowBank(folder.streams)
    recall = Recall(bank, writer)
    questions = PictureQuestions(PictureBank(bank.pictures, bank.classes), writer)

    def question() -> Sequence:
        sounds = bank.streams[int(rng.integers(len(bank.streams)))].audio
        return questions.draw(rng, sounds)

    while True:
        drawn = [recall.draw(rng) for _ in range(plan.short * plan.recalls)]
        drawn += [question() for _ in range(plan.short * plan.questions)]
        drawn.sort(key=lambda sequence: len(sequence.ids))
        size = plan.recalls + plan.questions
        groups = [drawn[start : start + size] for start in range(0, len(drawn), size)]
        groups += [[folder.draw(rng, writer) for _ in range(plan.cuts)] for _ in range(plan.long)]
        for index in rng.permutation(len(groups)):
            yield collate(groups[index])


def train(
    streams: Path,
    run: Path,
    schedule: Schedule,
    plan: RecallPlan,
    vocabulary: Path,
    finished: dict[str, Tensor],
) -> dict[str, float]:
    """Train; continues from ``run/recall.pt`` if it is there.

    Args:
        streams: folder of streams by the encoders of the finished model.
        run: folder of the checkpoints of all stages.
        schedule: how long and how fast.
        plan: what the batches are made of.
        vocabulary: folder of the tokenizer.
        finished: weights of the model to begin with.
    """
    torch.manual_seed(schedule.seed)
    tokenizer = PretrainedTokenizer(vocabulary)
    model = LanguageTrainee(tokenizer.vocab_size)
    model.row_noise = _ROW_NOISE
    take_over(model, finished)
    trainer = Trainer(NAME, model, run, schedule)
    folder = StreamFolder(streams)
    folder.refresh()
    seed = schedule.seed + trainer.first
    return trainer.fit(batches(folder, SequenceWriter(tokenizer), plan, seed), decision_loss)
