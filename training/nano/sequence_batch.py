# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sequences of the language model laid out as one batch."""

from __future__ import annotations

import numpy as np

IGNORED = -100  # the target where nothing is decided


def lay_out(sequences: list[dict[str, np.ndarray]], multiple: int = 1) -> dict[str, np.ndarray]:
    """Return one right-padded batch of the arrays of ``language_data.Sequence``.

    multiple: of which the length is one. In the result:

    ids: int64 [batch, length]; rows: where encoder rows go. decided, right, weights, asks: place,
    token, weight of every decision and whether it answers a question. asked, questions, ends,
    labels: as in a sequence. All places are those in the flattened batch.
    """
    longest = max(len(sequence['ids']) for sequence in sequences)
    length = -(-longest // multiple) * multiple
    ids = np.zeros((len(sequences), length), dtype=np.int64)
    parts: dict[str, list[np.ndarray]] = {
        name: [] for name in ('rows', 'decided', 'right', 'weights', 'asks', 'asked', 'ends')
    }
    for index, sequence in enumerate(sequences):
        start = index * length
        ids[index, : len(sequence['ids'])] = sequence['ids']
        decided = np.flatnonzero(sequence['targets'] != IGNORED)
        parts['rows'].append(sequence['rows'] + start)
        parts['decided'].append(decided + start)
        parts['right'].append(sequence['targets'][decided])
        parts['weights'].append(sequence['weights'][decided])
        parts['asks'].append(sequence['asked'][decided])
        parts['asked'].append(np.flatnonzero(sequence['asked']) + start)
        parts['ends'].append(sequence['ends'] + start)
    return {
        'ids': ids,
        'questions': np.concatenate([s['questions'] for s in sequences]),
        'labels': np.concatenate([s['labels'][: len(s['ends'])] for s in sequences]),
        **{name: np.concatenate(values) for name, values in parts.items()},
    }
