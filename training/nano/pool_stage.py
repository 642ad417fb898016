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
HELD_OUT_SEED = 2


def training_sentences(seed: int, share: float = 1.0) -> list[Sentence]:
    """Return what the training voices say; ``share`` scales everything but the wordings."""
    rng = np.random.default_rng(seed)
    times = [max(1, round(count * share)) for count in (66, 12, 120, RANDOM_SENTENCES)]
    talk = UNADDRESSED[: max(1, round(min(1.0, 12 * share) * len(UNADDRESSED)))]
    requests = [
        Sentence('request', text, times[0], CARRIERS) for _, text in wordings(held_out=False)
    ]
    others = [Sentence('unaddressed', text, times[1]) for text in talk]
    others += [Sentence('backchannel', text, times[2]) for text in BACKCHANNELS]
    others += [Sentence('unaddressed', random_sentence(rng), 1) for _ in range(times[3])]
    return requests + others


def held_out_sentences() -> list[Sentence]:
    """Return the sentences of the evaluation, spoken by held-out voices."""
    requests = [Sentence('request', text, 10) for _, text in wordings(held_out=True)]
    others = [Sentence('unaddressed', text, 10) for text in UNADDRESSED_HELD_OUT]
    others += [Sentence('backchannel', text, 40) for text in BACKCHANNELS_HELD_OUT]
    return requests + others


def write_training_pool(folder: Path, seed: int, share: float = 1.0) -> None:
    """Write what training hears; no carrier phrase makes it a held-out sentence."""
    forbidden = frozenset(plain(sentence.text) for sentence in held_out_sentences())
    write_pool(folder, training_sentences(seed, share), seed, False, forbidden)


def write_held_out_pool(folder: Path) -> None:
    """Write what the evaluation hears: other voices, other wordings."""
    write_pool(folder, held_out_sentences(), HELD_OUT_SEED, True)
