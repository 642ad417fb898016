# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Many more wordings of every request, from a small grammar.

``paraphrase.json`` holds patterns for every intent: ``{one|another|}`` is a choice of which one
alternative is spoken. The language model never sees these words; they make the audio encoder
recognize what a sentence asks for instead of which of a few sentences it is.
"""

from __future__ import annotations

import json
from pathlib import Path
import re

import numpy as np

from training.nano.word_corpus import plain

_PATTERNS: dict[str, list[str]] = json.loads(
    Path(__file__).with_suffix('.json').read_text(encoding='utf-8')
)
_CHOICE = re.compile(r'\{([^{}]*)\}')
_TRIES = 8


def paraphrase(rng: np.random.Generator, intent: str, forbidden: frozenset[str]) -> str:
    """Return a random wording of a request, '' if only forbidden ones were drawn.

    forbidden: sentences as ``word_corpus.plain`` writes them.
    """
    patterns = _PATTERNS[intent]
    for _ in range(_TRIES):
        text = _fill(rng, patterns[int(rng.integers(len(patterns)))])
        if plain(text) not in forbidden:
            return text
    return ''


def _fill(rng: np.random.Generator, pattern: str) -> str:
    """Return the pattern with every choice made, as a sentence."""

    def choose(found: re.Match[str]) -> str:
        alternatives = found.group(1).split('|')
        return alternatives[int(rng.integers(len(alternatives)))]

    text = ' '.join(_CHOICE.sub(choose, pattern).split())
    text = re.sub(r'\s+([.,?!])', r'\1', text)
    text = re.sub(r',(?=[.?!])', '', text)
    return text[0].upper() + text[1:]
