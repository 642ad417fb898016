# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From what the model produced per unit to numbered turns, pieces of speech and of text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from minicpmo.protocol import Decision, UnitResult
from minicpmo_ros.actions.action_tag import ActionTagFilter, FilteredText


@dataclass(frozen=True)
class SpeechPiece:
    """Speech of one unit: float32 [n] samples; offset [s] of the first one within the turn."""

    index: int
    offset: float
    samples: np.ndarray
    sample_rate: int
    text: str
    last: bool


@dataclass(frozen=True)
class TextPiece:
    """Text of one unit without its action tags, which are listed beside it."""

    index: int
    delta: str
    last: bool
    action_tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class TurnOutput:
    """What one unit adds to the conversation.

    utterance: the whole text of a turn that ended, else None.
    began, ended: the turn started or finished in this unit.
    yielded: the model gave its turn up because somebody talks; speech not yet played is void.
    """

    turn_id: int
    epoch: int
    began: bool = False
    ended: bool = False
    yielded: bool = False
    proactive: bool = False
    speech: Optional[SpeechPiece] = None
    text: Optional[TextPiece] = None
    utterance: Optional[str] = None


@dataclass
class TurnTracker:
    """Number the turns and what belongs to them; one instance per conversation stream.

    A turn begins with the first speaking unit after a closed one. It belongs to the epoch that
    was current when it began.
    """

    sample_rate: int = 24000
    turn_id: int = 0
    epoch: int = 0
    open: bool = False
    proactive: bool = False
    _text: str = ''
    _pieces: int = 0
    _deltas: int = 0
    _samples: int = field(default=0)
    _tags: ActionTagFilter = field(default_factory=ActionTagFilter)

    @property
    def said(self) -> str:
        """Return the text of the open, or last, turn so far."""
        return self._text.strip()

    def add(self, result: UnitResult, epoch: int, asked: bool) -> TurnOutput:
        """Return what ``result`` adds.

        :param epoch: the epoch a turn gets that begins now.
        :param asked: somebody spoke recently, so a turn that begins now is an answer. A turn
            with given words is neither an answer nor the model's own idea.
        """
        began = result.decision is Decision.SPEAK and not self.open
        if began:
            self._begin(epoch, proactive=not asked and not result.given_words)
        if not self.open:
            return TurnOutput(self.turn_id, self.epoch)
        ended = result.end_of_turn or result.yielded or not result.turn_open
        text = self._text_piece(result, ended)
        spoken = text.delta.strip() if text is not None else ''
        output = TurnOutput(
            turn_id=self.turn_id,
            epoch=self.epoch,
            began=began,
            ended=ended,
            yielded=result.yielded,
            proactive=self.proactive,
            speech=self._speech_piece(result, spoken, ended),
            text=text,
            utterance=self.said if ended else None,
        )
        self.open = not ended
        return output

    def cut(self) -> Optional[TurnOutput]:
        """Close the open turn because it was interrupted; None when no turn is open."""
        if not self.open:
            return None
        self.open = False
        return TurnOutput(
            self.turn_id, self.epoch, ended=True, proactive=self.proactive, utterance=self.said
        )

    def _begin(self, epoch: int, proactive: bool) -> None:
        self.turn_id += 1
        self.epoch = epoch
        self.open = True
        self.proactive = proactive
        self._text = ''
        self._tags.reset()
        self._pieces = self._deltas = self._samples = 0

    def _speech_piece(self, result: UnitResult, text: str, ended: bool) -> Optional[SpeechPiece]:
        samples = result.speech
        if samples is None or len(samples) == 0:
            if not ended:
                return None
            samples = np.zeros(0, np.float32)
        rate = result.sample_rate
        offset = self._samples / rate
        piece = SpeechPiece(self._pieces, offset, samples, rate, text, ended)
        self._pieces += 1
        self._samples += len(samples)
        return piece

    def _text_piece(self, result: UnitResult, ended: bool) -> Optional[TextPiece]:
        filtered = self._tags.feed(result.text)
        rest = self._tags.finish() if ended else FilteredText()
        visible = filtered.visible + rest.visible
        # Malformed tags go along: the allow-list refuses them by name instead of losing them.
        tags = (*filtered.tags, *filtered.malformed, *rest.malformed)
        self._text += visible
        if not visible and not tags and not ended:
            return None
        piece = TextPiece(self._deltas, visible, ended, tags)
        self._deltas += 1
        return piece
