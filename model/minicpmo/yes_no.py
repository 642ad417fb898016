# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Yes-or-no questions about the present moment of a running conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import torch
from torch import Tensor

from minicpmo.errors import InputError
from minicpmo.tokenizer import TextTokenizer

YES_WORDS = ('Yes', 'yes', ' Yes', ' yes', 'YES', '是', '对')
NO_WORDS = ('No', 'no', ' No', ' no', 'NO', '不', '否')


@dataclass(frozen=True)
class YesNoQuestion:
    """Asks in the chat format and compares the first token of the answer.

    yes_ids, no_ids: tokens that begin a positive and a negative answer.
    """

    tokenizer: TextTokenizer
    yes_ids: tuple[int, ...]
    no_ids: tuple[int, ...]

    @classmethod
    def from_tokenizer(cls, tokenizer: TextTokenizer) -> Optional[YesNoQuestion]:
        """Return None when the vocabulary has no single token for both answers."""
        yes, no = _single_ids(tokenizer, YES_WORDS), _single_ids(tokenizer, NO_WORDS)
        return cls(tokenizer, yes, no) if yes and no else None

    def ids(self, question: str) -> list[int]:
        """Return the ids fed behind the conversation; raises InputError if it is empty."""
        text = question.strip()
        if not text:
            raise InputError('the question is empty; pass a sentence')
        if not self.tokenizer.skip_ids.isdisjoint(self.tokenizer.encode(text)):
            raise InputError('the question contains a special token; pass plain text')
        return self.tokenizer.encode(
            f'<|im_start|>user\n{text} Answer yes or no.<|im_end|>\n'
            '<|im_start|>assistant\n<think>\n\n</think>\n\n'
        )

    def probability(self, logits: Tensor) -> float:
        """Return P(yes) among the two answers for the logits [vocab] of the answer's start."""
        yes, no = (
            torch.logsumexp(logits.float()[list(ids)], dim=0)
            for ids in (self.yes_ids, self.no_ids)
        )
        return float(torch.sigmoid(yes - no))


def _single_ids(tokenizer: TextTokenizer, words: tuple[str, ...]) -> tuple[int, ...]:
    """Return the ids of the words that are one token; words it cannot write are skipped."""
    found = []
    for word in words:
        try:
            ids = tokenizer.encode(word)
        except InputError:
            continue
        if len(ids) == 1:
            found.append(ids[0])
    return tuple(dict.fromkeys(found))
