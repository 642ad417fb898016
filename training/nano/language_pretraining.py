# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 4: the language model learns to converse on symbolic rows, before it hears and sees.

Writes ``runs/language_symbolic.pt``; ``language_training`` goes on from its weights with the rows
of the real encoders.
"""

from __future__ import annotations

import itertools
from pathlib import Path
import sys
from typing import Optional

import numpy as np
import torch

from minicpmo.tokenizer import PretrainedTokenizer
from training.nano.language_data import WINDOW_UNITS, Sequence, SequenceWriter, collate
from training.nano.language_loss import language_loss
from training.nano.language_trainee import LanguageTrainee
from training.nano.language_training import MODEL_FOLDER
from training.nano.request import Part
from training.nano.script import write_script
from training.nano.speech_corpus import BACKCHANNELS, UNADDRESSED
from training.nano.symbolic_stream import SentencePool, SymbolicStreamWriter
from training.nano.trainer import Schedule, Trainer
from training.nano.warm_start import begin_with

_CUTS = 4  # sequences taken from one script
_DENSE = 0.6  # share of conversations in which something happens in nearly every unit


class SymbolicSequences:
    """Endless random sequences; ``draw`` returns one."""

    def __init__(self, writer: SequenceWriter, rng: np.random.Generator) -> None:
        self._writer, self._rng = writer, rng
        self._streams = SymbolicStreamWriter()
        self._pool = SentencePool(UNADDRESSED, BACKCHANNELS)
        self._ready: list[Sequence] = []

    def draw(self) -> Sequence:
        """Return a cut of a conversation of random length."""
        if not self._ready:
            units = int(self._rng.integers(WINDOW_UNITS, 300))
            style = 'dense' if self._rng.random() < _DENSE else None
            script = write_script(self._rng, self._pool, Part.TRAINING, units, style)
            stream = self._streams.write(self._rng, script)
            for _ in range(_CUTS):
                first = self._first(units)
                self._ready.append(self._writer.write(stream, first, WINDOW_UNITS, self._rng))
        return self._ready.pop()

    def _first(self, units: int) -> int:
        if self._rng.random() < 0.12:
            return 0
        return int(self._rng.integers(0, units - WINDOW_UNITS + 1))


def train(run: Path, schedule: Schedule, start: Optional[Path] = None) -> dict[str, float]:
    """Train; continues from ``run/language_symbolic.pt`` if it is there.

    start: folder of a finished model to begin with.
    """
    torch.manual_seed(schedule.seed)
    tokenizer = PretrainedTokenizer(MODEL_FOLDER)
    model = LanguageTrainee(tokenizer.vocab_size)
    if start is not None:
        begin_with(model, start)
    trainer = Trainer('language_symbolic', model, run, schedule)
    rng = np.random.default_rng((schedule.seed, trainer.first))
    sequences = SymbolicSequences(SequenceWriter(tokenizer), rng)
    size = schedule.batch_size
    batches = (collate([sequences.draw() for _ in range(size)]) for _ in itertools.count())
    return trainer.fit(batches, language_loss)


if __name__ == '__main__':
    torch.set_num_threads(1)
    plan = Schedule(int(sys.argv[1]), int(sys.argv[2]), 2e-3, 5, 100)
    train(Path(__file__).with_name('runs'), plan)
