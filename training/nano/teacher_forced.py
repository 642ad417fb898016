# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quick look during training: right decisions when the past is as scripted, by kind of unit."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
import sys

import numpy as np
import torch

from minicpmo.tokenizer import PretrainedTokenizer
from training.nano.language_data import IGNORED, WINDOW_UNITS, SequenceWriter, Stream, StreamFolder
from training.nano.language_trainee import LanguageTrainee
from training.nano.language_training import MODEL_FOLDER
from training.nano.precision import mixed_precision


@torch.inference_mode()
def unit_results(
    model: LanguageTrainee, writer: SequenceWriter, stream: Stream, first: int
) -> list[tuple[str, bool]]:
    """Return (kind, every token right) for the judged units of one cut."""
    sequence = writer.write(stream, first, WINDOW_UNITS, np.random.default_rng(0))
    batch = {
        'ids': sequence.ids[None],
        'rows': sequence.rows,
        'embeddings': sequence.embeddings,
        'ends': sequence.ends,
    }
    with mixed_precision('cpu'):
        chosen = model.llm.logits(model(batch)[0]).argmax(-1)
    targets, results = sequence.targets, []
    ends = [*sequence.ends.tolist(), len(targets)]
    for index, (begin, end) in enumerate(zip(ends, ends[1:], strict=False)):
        decided = targets[begin:end] != IGNORED
        if decided.any():
            right = bool((chosen[begin:end] == targets[begin:end])[decided].all())
            first_right = bool(chosen[begin] == targets[begin])
            kind = _kind(stream, first + index)
            results += [(kind, right), (f'{kind}, decision only', first_right)]
    return results


def _kind(stream: Stream, unit: int) -> str:
    if stream.yields[unit]:
        return 'yield'
    if not stream.texts[unit]:
        return 'silence'
    if unit and stream.texts[unit - 1] and not stream.ends[unit - 1]:
        return 'continued'
    return 'answer' if stream.labels[unit, 0] else 'begin'


def report(model: LanguageTrainee, folder: StreamFolder, cuts: int, seed: int = 0) -> str:
    """Return shares of right units by kind."""
    writer = SequenceWriter(PretrainedTokenizer(MODEL_FOLDER))
    rng, counts = np.random.default_rng(seed), defaultdict(list)
    for _ in range(cuts):
        stream = folder.streams[int(rng.integers(len(folder.streams)))]
        first = int(rng.integers(0, len(stream.texts) - WINDOW_UNITS + 1))
        for kind, right in unit_results(model, writer, stream, first):
            counts[kind].append(right)
    return '\n'.join(
        f'{kind}: {np.mean(values):.4f} of {len(values)}'
        for kind, values in sorted(counts.items())
    )


if __name__ == '__main__':
    torch.set_num_threads(1)
    streams = StreamFolder(Path(sys.argv[1]))
    streams.refresh()
    trainee = LanguageTrainee(PretrainedTokenizer(MODEL_FOLDER).vocab_size)
    state = torch.load('training/nano/runs/language.pt', weights_only=True)
    trainee.load_state_dict(state['model'])
    print('step', state['step'])
    print(report(trainee.eval(), streams, int(sys.argv[2])))
