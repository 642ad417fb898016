# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 1: which sentences are spoken by how many voices, for training and held out."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from training.nano.request import INTENTS, Intent, Part, wordings_of
from training.nano.speech_corpus import (
    BACKCHANNELS,
    BACKCHANNELS_HELD_OUT,
    UNADDRESSED,
    UNADDRESSED_HELD_OUT,
)
from training.nano.utterance import Sentence, write_pool
from training.nano.voice import draw_development_voice, draw_voice
from training.nano.word_corpus import plain, random_sentence

RANDOM_SENTENCES = 3000
REQUEST_READINGS = 560  # of every intent
CARRIERS = 0.35
PARAPHRASES = 0.5
HELD_OUT_SEED = 6
DEVELOPMENT_SEED = 4
# sentences of a word or two are the hardest to recognize
_SHORT = ('hello', 'stop', 'be_quiet', 'come_here', 'good_night', 'good_morning', 'goodbye',
          'never_mind', 'thank_you', 'remind_again', 'sorry', 'well_done')  # fmt: skip
_SHORT_WEIGHT = 1.3


def training_sentences(seed: int, share: float = 1.0) -> list[Sentence]:
    """Return what the training voices say; ``share`` scales everything but the wordings."""
    rng = np.random.default_rng(seed)
    times = [max(1, round(count * share)) for count in (12, 120, RANDOM_SENTENCES)]
    talk = UNADDRESSED[: max(1, round(min(1.0, 12 * share) * len(UNADDRESSED)))]
    requests = [entry for intent in INTENTS.values() for entry in _readings(intent, share)]
    others = [Sentence('unaddressed', text, times[0]) for text in talk]
    others += [Sentence('backchannel', text, times[1]) for text in BACKCHANNELS]
    others += [Sentence('unaddressed', random_sentence(rng), 1) for _ in range(times[2])]
    return requests + others


def _readings(intent: Intent, share: float) -> list[Sentence]:
    """Return the wordings of one request, each the same number of times."""
    readings = share * REQUEST_READINGS * (_SHORT_WEIGHT if intent.name in _SHORT else 1.0)
    times = max(1, round(readings / len(intent.wordings)))
    return [
        Sentence('request', text, times, CARRIERS, PARAPHRASES, intent.name)
        for text in intent.wordings
    ]


def held_out_sentences() -> list[Sentence]:
    """Return the sentences of the evaluation, spoken by held-out voices."""
    return _unseen_sentences(Part.HELD_OUT, 10)


def _unseen_sentences(part: Part, voices: int) -> list[Sentence]:
    requests = [Sentence('request', text, voices) for _, text in wordings_of(part)]
    others = [Sentence('unaddressed', text, voices) for text in UNADDRESSED_HELD_OUT]
    others += [Sentence('backchannel', text, 4 * voices) for text in BACKCHANNELS_HELD_OUT]
    return requests + others


def sentences_of_other_parts() -> frozenset[str]:
    """Return what training never says, as ``word_corpus.plain`` writes it."""
    others = [text for _, text in wordings_of(Part.DEVELOPMENT)]
    return frozenset(map(plain, [*others, *(s.text for s in held_out_sentences())]))


def write_training_pool(folder: Path, seed: int, share: float = 1.0) -> None:
    """Write what training hears; no paraphrase makes it a sentence of another part."""
    forbidden = sentences_of_other_parts()
    voices = partial(draw_voice, held_out=False)
    write_pool(folder, training_sentences(seed, share), seed, voices, forbidden)


def write_held_out_pool(folder: Path) -> None:
    """Write what the evaluation hears: other voices, other wordings."""
    write_pool(folder, held_out_sentences(), HELD_OUT_SEED, partial(draw_voice, held_out=True))


def write_development_pool(folder: Path) -> None:
    """Write what decisions during training are made by: voices and wordings of its own."""
    sentences = _unseen_sentences(Part.DEVELOPMENT, 4)
    write_pool(folder, sentences, DEVELOPMENT_SEED, draw_development_voice)
