# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 5: the language model learns when to speak and what to say."""

from __future__ import annotations

from collections.abc import Iterator
import itertools
from pathlib import Path
import sys

import numpy as np
import torch
from torch import Tensor

from minicpmo.tokenizer import PretrainedTokenizer
from training.nano.language_data import SequenceWriter, StreamFolder, collate
from training.nano.language_loss import language_loss
from training.nano.language_trainee import LanguageTrainee
from training.nano.picture_question import PictureBank, PictureQuestions
from training.nano.trainer import Schedule, Trainer

_SHORT = 3  # short conversations for one cut
PICTURES = 'pictures/rows.pt'
MODEL_FOLDER = Path(__file__).parents[2] / 'model' / 'nano'


def real_batches(
    folder: StreamFolder,
    writer: SequenceWriter,
    batch_size: int,
    seed: tuple[int, ...],
    questions: PictureQuestions,
    question_share: float = 1 / 3,
) -> Iterator[dict[str, Tensor]]:
    """Yield batches of random cuts for ever; streams written meanwhile are taken in.

    Every ``1 / question_share``-th batch holds short conversations with questions instead, three
    times as many because they are short.
    """
    rng = np.random.default_rng(seed)
    for count in itertools.count():
        if count % 20 == 0:
            folder.refresh()
        if rng.random() < question_share:
            sounds = folder.streams[int(rng.integers(len(folder.streams)))].audio
            drawn = [questions.draw(rng, sounds) for _ in range(_SHORT * batch_size)]
        else:
            drawn = [folder.draw(rng, writer) for _ in range(batch_size)]
        yield collate(drawn)


def train(
    streams: Path, run: Path, schedule: Schedule, question_share: float = 1 / 3
) -> dict[str, float]:
    """Train on the streams of real encoder rows.

    Continues from ``run/language.pt`` if it is there, else begins with the weights that
    ``language_pretraining`` left.
    """
    torch.manual_seed(schedule.seed)
    tokenizer = PretrainedTokenizer(MODEL_FOLDER)
    model = LanguageTrainee(tokenizer.vocab_size)
    pretrained = run / 'language_symbolic.pt'
    if pretrained.exists():
        model.load_state_dict(torch.load(pretrained, weights_only=True)['model'])
    trainer = Trainer('language', model, run, schedule)
    folder, writer = StreamFolder(streams), SequenceWriter(tokenizer)
    seed = (schedule.seed, trainer.first)
    questions = PictureQuestions(PictureBank.read(streams / PICTURES), writer)
    return trainer.fit(
        real_batches(folder, writer, schedule.batch_size, seed, questions, question_share),
        language_loss,
    )


if __name__ == '__main__':
    torch.set_num_threads(1)
    here = Path(__file__).parent
    plan = Schedule(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), 3, 50)
    train(here / 'cache/stream', here / 'runs', plan)
