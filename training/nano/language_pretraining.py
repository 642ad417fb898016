# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 4: the language model learns to converse on symbolic rows, before it hears and sees.

Writes ``runs/language_symbolic.pt``; ``language_training`` goes on from its weights with the rows
of the real encoders.
"""

from __future__ import annotations

import json
from pathlib import Path
import sys
import time

import numpy as np
import torch
from torch import nn

from minicpmo.tokenizer import PretrainedTokenizer
from training.nano.audio_training import rate
from training.nano.language_data import WINDOW_UNITS, Sequence, SequenceWriter, collate
from training.nano.language_training import MODEL_FOLDER, LanguageTrainee, losses
from training.nano.progress import Progress
from training.nano.script import write_script
from training.nano.speech_corpus import BACKCHANNELS, UNADDRESSED
from training.nano.symbolic_stream import SentencePool, SymbolicStreamWriter

_CUTS = 4  # sequences taken from one script


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
            script = write_script(self._rng, self._pool, False, units)
            stream = self._streams.write(self._rng, script)
            for _ in range(_CUTS):
                first = self._first(units)
                self._ready.append(self._writer.write(stream, first, WINDOW_UNITS, self._rng))
        return self._ready.pop()

    def _first(self, units: int) -> int:
        if self._rng.random() < 0.12:
            return 0
        return int(self._rng.integers(0, units - WINDOW_UNITS + 1))


def train(run: Path, steps: int, batch_size: int, seed: int, peak: float) -> None:
    """Train for ``steps``; continues from ``run/language_symbolic.pt`` if it is there."""
    torch.manual_seed(seed)
    tokenizer = PretrainedTokenizer(MODEL_FOLDER)
    model = LanguageTrainee(tokenizer.vocab_size)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=peak, betas=(0.9, 0.98), weight_decay=0.02
    )
    checkpoint, first = run / 'language_symbolic.pt', 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state['model'])
        optimizer.load_state_dict(state['optimizer'])
        first = state['step']
    sequences = SymbolicSequences(SequenceWriter(tokenizer), np.random.default_rng((seed, first)))
    progress, start = Progress('language model, symbolic', steps), time.time()
    averages: dict[str, float] = {}
    log = (run / 'language_symbolic.log').open('a')
    for step in range(first, steps):
        batch = collate([sequences.draw() for _ in range(batch_size)])
        for group in optimizer.param_groups:
            group['lr'] = rate(step, steps, peak, 100)
        parts = losses(model, batch)
        optimizer.zero_grad(set_to_none=True)
        (parts['token'] + 0.3 * parts['request'] + 0.2 * parts['flag']).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        for name, value in parts.items():
            if torch.isfinite(value):
                averages[name] = 0.97 * averages.get(name, value.item()) + 0.03 * value.item()
        progress.update(step + 1, ', '.join(f'{n} {v:.4f}' for n, v in averages.items()))
        if (step + 1) % 25 == 0:
            entry = {'step': step + 1, 'time': time.time() - start, **averages}
            print(json.dumps(entry), file=log, flush=True)
        if (step + 1) % 100 == 0 or step + 1 == steps:
            state = {
                'model': model.state_dict(),
                'optimizer': optimizer.state_dict(),
                'step': step + 1,
            }
            torch.save(state, checkpoint.with_suffix('.new'))
            checkpoint.with_suffix('.new').replace(checkpoint)


if __name__ == '__main__':
    torch.set_num_threads(1)
    folder = Path(__file__).with_name('runs')
    train(folder, int(sys.argv[1]), int(sys.argv[2]), 5, 2e-3)
