# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training sequences of the language model: cuts of streams in the session's own layout."""

from __future__ import annotations

from collections.abc import Sequence as Sequence_
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
import torch
from torch import Tensor

from minicpmo.special_token import SpecialTokens
from minicpmo.tokenizer import TextTokenizer
from minicpmo.unit_sequence import (
    IdPart,
    RowSource,
    prompt_text,
    unit_closing_ids,
    unit_input_parts,
    unit_output_ids,
)
from minicpmo.yes_no import YesNoQuestion
from training.nano.question import Question, classes_of, draw_question
from training.nano.renderer import ATTRIBUTES
from training.nano.sequence_batch import IGNORED, lay_out
from training.nano.size import NANO
from training.nano.stream import Stream
from training.nano.watch_note import note, open_watches

WINDOW_UNITS = 25  # 24 remembered and the one being decided
SYSTEM_PROMPT = 'Streaming Omni Conversation.'
MARKER = '\n\nprevious: '
PREVIOUS_MAX = 160
_SILENT_SHARE = 0.15  # of the cuts without a word that are used
_ASKED_SHARE = 0.5  # of those with answers but nothing said unasked
_RARE_WEIGHT = 4.0  # of the decision to speak unasked or to yield
_NOTED_SHARE = 0.5  # of the cuts in which the program states the open watches
_NOTE_AGAIN = 0.03  # chance per unit that it does so without a change
_QUESTION_WEIGHT = 2.0  # of the answer to a yes-or-no question
_ASKING_SHARE = 0.5  # of the cuts that end with questions
_QUESTIONS = 2  # at most, behind a cut
_BLIND_UNITS = 4  # first units of a cut whose cause may lie before it


@dataclass
class Sequence:
    """One training sequence of n rows.

    ids: int64 [n], token of every row (0 where an encoder row stands);
    rows: positions of the encoder rows; embeddings: float16 [len(rows), hidden];
    targets: int64 [n], the token that is right after this row, IGNORED where nothing is decided;
    weights: float32 [n], how much a decision counts;
    asked: bool [n], this decision answers a yes-or-no question;
    questions: int64 [asked, 11], condition and what the picture shows, for each of those;
    ends: position of the last input row of every unit; labels: int64 [units, 13].
    """

    ids: Tensor
    rows: Tensor
    embeddings: Tensor
    targets: Tensor
    weights: Tensor
    asked: Tensor
    questions: Tensor
    ends: Tensor
    labels: Tensor


class SequenceWriter:
    """Lays out cuts of streams as the session would feed them."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self._tokenizer = tokenizer
        self._tokens = SpecialTokens.from_tokenizer(tokenizer)
        prefix, suffix = prompt_text(SYSTEM_PROMPT, with_voice=False)
        self._prefix, self._suffix = tokenizer.encode(prefix), tokenizer.encode(suffix)
        self._marker = tokenizer.encode(MARKER)
        self._questions = YesNoQuestion.from_tokenizer(tokenizer)
        self._answers = {True: tokenizer.encode('Yes'), False: tokenizer.encode('No')}
        self._next_turn = tokenizer.encode('<|im_end|>\n')

    def write(
        self,
        stream: Stream,
        first: int,
        units: int,
        rng: np.random.Generator,
        questions: Sequence_[Question] = (),
        learned: bool = True,
        sighted: bool = False,
        known_past: bool = False,
    ) -> Sequence:
        """Return units ``first`` to ``first + units`` with what was said before as text.

        questions: asked behind the last unit, about its picture.
        learned: the decisions of the units are targets.
        sighted: every unit has its picture; otherwise a few sequences have none.
        known_past: nothing but what was said has happened before; otherwise the decisions of the
            first units, whose cause may lie there, are no targets.
        """
        self._ids: list[int] = []
        self._targets: list[int] = []
        self._weights: dict[int, float] = {}
        self._asked: list[int] = []
        self._stated: tuple[str, ...] = ()
        self._rows: list[int] = []
        self._embeddings: list[Tensor] = []
        self._extend(self._prompt_ids(stream, first))
        ends = []
        begun = not known_past and (first > 0 or bool(stream.previous))
        open_before = _open_turn(stream, first)
        with_pictures = sighted or bool(questions) or rng.random() < 0.97
        noted = rng.random() < _NOTED_SHARE
        for unit in range(first, min(first + units, len(stream.texts))):
            notes = self._note_ids(stream, unit, rng) if noted else []
            self._add_input(stream, unit, with_pictures, notes)
            ends.append(len(self._ids) - 1)
            blind = begun and (unit < first + _BLIND_UNITS or open_before)
            self._add_output(stream, unit, learned=learned and not blind and with_pictures)
            open_before = open_before and not (stream.ends[unit] or stream.yields[unit])
        for question in questions:
            self._ask(question)
        weights = torch.ones(len(self._ids))
        facts = [(question.condition, *question.classes) for question in questions]
        asked = torch.zeros(len(self._ids), dtype=torch.bool)
        asked[self._asked] = True
        weights[list(self._weights)] = torch.tensor(list(self._weights.values()))
        return Sequence(
            torch.tensor(self._ids),
            torch.tensor(self._rows),
            torch.cat(self._embeddings),
            torch.tensor(self._targets),
            weights,
            asked,
            torch.tensor(facts, dtype=torch.int64).view(-1, 1 + len(ATTRIBUTES)),
            torch.tensor(ends),
            stream.labels[first : first + units],
        )

    def _prompt_ids(self, stream: Stream, first: int) -> list[int]:
        said = []
        for text in (*stream.previous, *stream.texts[:first]):
            said += self._tokenizer.encode(text)
        previous = [*self._marker, *said[-PREVIOUS_MAX:]] if said else []
        return [*self._prefix, *previous, *self._suffix]

    def _extend(self, ids: list[int]) -> None:
        self._ids += ids
        self._targets += [IGNORED] * len(ids)

    def _note_ids(self, stream: Stream, unit: int, rng: np.random.Generator) -> list[int]:
        """Return the line about open watches: when they change, and now and then."""
        said = ''.join([*stream.previous, *stream.texts[:unit]])
        watches, stated = open_watches(said), self._stated
        if watches == stated and rng.random() >= _NOTE_AGAIN:
            return []
        self._stated = watches
        text = note(watches, stated)
        return self._tokenizer.encode(f'{text}\n') if text else []

    def _add_input(
        self, stream: Stream, unit: int, with_pictures: bool, notes: Sequence_[int]
    ) -> None:
        pieces = [1] if with_pictures else []
        parts = unit_input_parts(self._tokens, pieces, image_rows=NANO.query_num, note_ids=notes)
        for part in parts:
            if isinstance(part, IdPart):
                self._extend(list(part.ids))
                continue
            image = part.source is RowSource.IMAGE
            rows = stream.pictures[stream.picture[unit]] if image else stream.audio[unit]
            self._rows += range(len(self._ids), len(self._ids) + len(rows))
            self._embeddings.append(rows)
            self._extend([0] * len(rows))

    def _ask(self, question: Question) -> None:
        """Add a question and its answer; only the first token of the answer is learned."""
        self._extend(self._questions.ids(question.text))
        answer = self._answers[question.answer]
        self._targets[-1] = answer[0]
        self._weights[len(self._ids) - 1] = _QUESTION_WEIGHT
        self._asked.append(len(self._ids) - 1)
        self._extend([*answer, *self._next_turn])

    def _add_output(self, stream: Stream, unit: int, learned: bool) -> None:
        tokens = self._tokens
        if stream.yields[unit]:
            decided = [tokens.listen]
            fed = unit_closing_ids(tokens, tokens.listen, close_turn=True)
        elif stream.texts[unit]:
            text = self._tokenizer.encode(stream.texts[unit])
            fed = unit_output_ids(tokens, text, stream.ends[unit])
            decided = list(fed[:-1])
        else:
            fed = unit_output_ids(tokens, None)
            decided = [tokens.listen]
        last_input = len(self._ids) - 1
        self._extend(list(fed))
        if learned and (stream.yields[unit] or _begins_unasked(stream, unit)):
            self._weights[last_input] = _RARE_WEIGHT
        if learned:
            self._targets[last_input : last_input + len(decided)] = decided


def _begins_unasked(stream: Stream, unit: int) -> bool:
    """Return whether a reminder or an alert begins in this unit."""
    asked = int(stream.labels[max(0, unit - 2) : unit + 1, 0].max()) > 0
    return bool(stream.texts[unit]) and not asked and not _open_turn(stream, unit)


def _open_turn(stream: Stream, unit: int) -> bool:
    """Return whether a turn is open when a unit begins."""
    for before in range(unit - 1, -1, -1):
        if stream.ends[before] or stream.yields[before]:
            return False
        if stream.texts[before]:
            return True
    return False


def collate(sequences: list[Sequence]) -> dict[str, Tensor]:
    """Return one batch, see ``sequence_batch.lay_out``, with the encoder rows 'embeddings'."""
    plain = [{name: value.numpy() for name, value in vars(s).items()} for s in sequences]
    batch = {name: torch.from_numpy(value) for name, value in lay_out(plain).items()}
    return {**batch, 'embeddings': torch.cat([s.embeddings for s in sequences])}


class StreamFolder:
    """All streams written so far; looks for new files when asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: set[Path] = set()
        self.streams: list[Stream] = []

    def refresh(self) -> int:
        """Load new shards; return the number of streams."""
        for path in sorted(set(self._folder.glob('*.pt')) - self._known):
            self._known.add(path)
            self.streams += [Stream(**entry) for entry in torch.load(path, weights_only=True)]
        return len(self.streams)

    def draw(self, rng: np.random.Generator, writer: SequenceWriter) -> Sequence:
        """Return a random cut of a random stream; those with rare events are used most."""
        while True:
            stream = self.streams[int(rng.integers(len(self.streams)))]
            cut = draw_cut(rng, stream, writer)
            if cut is not None:
                return cut


def draw_cut(
    rng: np.random.Generator, stream: Stream, writer: SequenceWriter
) -> Optional[Sequence]:
    """Return a random cut of a stream, or None if so little happens in it that it is not used."""
    last = max(0, len(stream.texts) - WINDOW_UNITS)
    first = 0 if rng.random() < 0.08 else int(rng.integers(0, last + 1))
    judged = range(first + _BLIND_UNITS, min(first + WINDOW_UNITS, len(stream.texts)))
    share = _SILENT_SHARE
    if any(_begins_unasked(stream, unit) for unit in judged):
        share = 1.0
    elif any(stream.texts[unit] for unit in judged):
        share = _ASKED_SHARE
    if rng.random() >= share:
        return None
    return writer.write(stream, first, WINDOW_UNITS, rng, _questions(stream, first, rng))


def _questions(stream: Stream, first: int, rng: np.random.Generator) -> list[Question]:
    """Return questions about the last picture of a cut, often none."""
    if rng.random() >= _ASKING_SHARE:
        return []
    last = min(first + WINDOW_UNITS, len(stream.texts)) - 1
    classes = classes_of(stream.labels[last, -len(ATTRIBUTES) :].numpy())
    return [draw_question(rng, classes) for _ in range(int(rng.integers(1, _QUESTIONS + 1)))]
