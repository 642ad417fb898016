# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything that people ask of nano.

Wordings (``wording.json``) are read by synthetic voices and become audio; the model never sees
them as text. Answers are the labels of training and the judge of evaluation; nothing here runs in
the product.
"""

from __future__ import annotations

from dataclasses import dataclass
import json
from pathlib import Path
from typing import Optional

from training.nano.answer import ANSWERS, Answer
from training.nano.watch import WATCHES, Memory

_WORDING_FILE = Path(__file__).with_name('wording.json')
_WATCH_PREFIX = 'watch_'


@dataclass(frozen=True)
class Intent:
    """One thing people want, in several wordings.

    held_out: wordings that are never used in training.
    answer: the right answer for a scene and memory, '' when silence is right.
    watch: name of the watch that the request opens.
    """

    name: str
    wordings: tuple[str, ...]
    held_out: tuple[str, ...]
    answer: Answer
    watch: Optional[str] = None


def _read_intents() -> dict[str, Intent]:
    intents = {}
    for name, wording in json.loads(_WORDING_FILE.read_text(encoding='utf-8')).items():
        watch = name[len(_WATCH_PREFIX) :] if name.startswith(_WATCH_PREFIX) else None
        training, held_out = tuple(wording['training']), tuple(wording['held_out'])
        intents[name] = Intent(name, training, held_out, ANSWERS[name], watch)
    return intents


INTENTS = _read_intents()


def wordings(held_out: bool) -> tuple[tuple[str, str], ...]:
    """Return all (intent name, wording) pairs of the training or of the held-out part."""
    return tuple(
        (intent.name, text)
        for intent in INTENTS.values()
        for text in (intent.held_out if held_out else intent.wordings)
    )


def remember(memory: Memory, intent: Intent, answer: str) -> Memory:
    """Return the memory after a request was answered."""
    if intent.name == 'never_mind':
        return Memory((), memory.last_reminder)
    if intent.watch and answer == WATCHES[intent.watch].confirmation:
        others = tuple(name for name in memory.watches if name != intent.watch)
        return Memory((*others, intent.watch), memory.last_reminder)
    return memory
