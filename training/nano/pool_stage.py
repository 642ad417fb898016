# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 1: which sentences are spoken by how many voices, for training and held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.nano.request import wordings
from training.nano.speech_corpus import (
    BACKCHANNELS,
    BACKCHANNELS_HELD_OUT,
    UNADDRESSED,
    UNADDRESSED_HELD_OUT,
)
from training.nano.utterance import Sentence, write_pool
from training.nano.word_corpus import plain, random_sentence

RANDOM_SENTENCES = 3000
CARRIERS = 0.5


def training_sentences(seed: int, share: float = 1.0) -> list[Sentence]:
    """Return what the training voices say; ``share`` scales the number of readings."""
    rng = np.random.default_rng(seed)
    times = [max(1, round(count * share)) for count in (66, 12, 120, RANDOM_SENTENCES)]
    requests = [
        Sentence('request', text, times[0], CARRIERS) for _, text in wordings(held_out=False)
    ]
    others = [Sentence('unaddressed', text, times[1]) for text in UNADDRESSED]
    others += [Sentence('backchannel', text, times[2]) for text in BACKCHANNELS]
    talk = [Sentence('unaddressed', random_sentence(rng), 1) for _ in range(times[3])]
    return requests + others + talk


def held_out_sentences(share: float = 1.0) -> list[Sentence]:
    """Return the sentences of the evaluation, spoken by held-out voices."""
    times = [max(1, round(count * share)) for count in (10, 10, 40)]
    requests = [Sentence('request', text, times[0]) for _, text in wordings(held_out=True)]
    others = [Sentence('unaddressed', text, times[1]) for text in UNADDRESSED_HELD_OUT]
    others += [Sentence('backchannel', text, times[2]) for text in BACKCHANNELS_HELD_OUT]
    return requests + others


def write_pools(folder: Path, seed: int, share: float = 1.0) -> None:
    """Write ``folder/training`` and ``folder/held_out``."""
    forbidden = frozenset(plain(sentence.text) for sentence in held_out_sentences())
    write_pool(folder / 'held_out', held_out_sentences(share), seed + 1, True)
    write_pool(folder / 'training', training_sentences(seed, share), seed, False, forbidden)
