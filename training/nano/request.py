# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything that people ask of nano.

Wordings (``wording.json``) are read by synthetic voices and become audio; the model never sees
them as text. Answers are the labels of training and the judge of evaluation; nothing here runs in
the product.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
import json
from pathlib import Path
from typing import Optional

from training.nano.answer import ANSWERS, Answer
from training.nano.watch import WATCHES, Memory

_WORDING_FILE = Path(__file__).with_name('wording.json')
_WATCH_PREFIX = 'watch_'


class Part(Enum):
    """Which wordings, voices and rooms: for training, for the evaluation, or to decide by."""

    TRAINING = 'training'
    HELD_OUT = 'held out'
    DEVELOPMENT = 'development'


@dataclass(frozen=True)
class Intent:
    """One thing people want, in several wordings.

    held_out: wordings of the evaluation, never used in training.
    development: wordings to decide by, never used in training either.
    answer: the right answer for a scene and memory, '' when silence is right.
    watch: name of the watch that the request opens.
    """

    name: str
    wordings: tuple[str, ...]
    held_out: tuple[str, ...]
    development: tuple[str, ...]
    answer: Answer
    watch: Optional[str] = None

    def in_part(self, part: Part) -> tuple[str, ...]:
        """Return the wordings of one part."""
        return {
            Part.TRAINING: self.wordings,
            Part.HELD_OUT: self.held_out,
            Part.DEVELOPMENT: self.development,
        }[part]


def _read_intents() -> dict[str, Intent]:
    intents = {}
    for name, wording in json.loads(_WORDING_FILE.read_text(encoding='utf-8')).items():
        watch = name[len(_WATCH_PREFIX) :] if name.startswith(_WATCH_PREFIX) else None
        parts = (tuple(wording[part]) for part in ('training', 'held_out', 'development'))
        intents[name] = Intent(name, *parts, ANSWERS[name], watch)
    return intents


INTENTS = _read_intents()


def wordings(held_out: bool) -> tuple[tuple[str, str], ...]:
    """Return all (intent name, wording) pairs of the training or of the held-out part."""
    return wordings_of(Part.HELD_OUT if held_out else Part.TRAINING)


def wordings_of(part: Part) -> tuple[tuple[str, str], ...]:
    """Return all (intent name, wording) pairs of a part."""
    return tuple(
        (intent.name, text) for intent in INTENTS.values() for text in intent.in_part(part)
    )


def remember(memory: Memory, intent: Intent, answer: str) -> Memory:
    """Return the memory after a request was answered."""
    if intent.name == 'never_mind':
        return Memory((), memory.last_reminder)
    if intent.watch and answer == WATCHES[intent.watch].confirmation:
        others = tuple(name for name in memory.watches if name != intent.watch)
        return Memory((*others, intent.watch), memory.last_reminder)
    return memory
