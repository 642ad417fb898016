# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which token comes next in a turn-based answer: the rules of transformers' generation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from minicpmo.errors import InputError
from minicpmo.sampling import NEVER, PenaltyHistory, SamplingOptions, filtered_distribution
from minicpmo.tokenizer import TextTokenizer

WHOLE_ANSWER = 2**31
HALF_DUPLEX_WINDOW = 128

CHAT_TEXT_SAMPLING = SamplingOptions(
    top_k=100, repetition_penalty=1.02, repetition_window=WHOLE_ANSWER
)
"""Rules of the chat mode (one beam: a stream cannot take words back)."""

HALF_DUPLEX_TEXT_SAMPLING = SamplingOptions(
    top_k=100, repetition_penalty=1.02, repetition_window=HALF_DUPLEX_WINDOW
)

UNSPOKEN_MARKS = tuple(':：;#“”‘’@*【】「」()（）[]&/$')
"""Punctuation that a half-duplex answer avoids while it is spoken."""


class ChatChooser:
    """Chooses one id from the logits of one row; the penalty covers the answer alone.

    forbidden_ids: never chosen.
    """

    def __init__(
        self,
        vocab_size: int,
        options: SamplingOptions,
        forbidden_ids: Sequence[int] = (),
        seed: int = 0,
        device: torch.device | str = 'cpu',
    ) -> None:
        self._options = options
        self._forbidden = torch.tensor(list(forbidden_ids), dtype=torch.int64, device=device)
        self._work = torch.empty(vocab_size, dtype=torch.float32, device=device)
        self._generator = torch.Generator(device=device).manual_seed(seed)
        self._history = PenaltyHistory(
            options.repetition_penalty,
            options.repetition_window,
            torch.ones(vocab_size, dtype=torch.float32, device=device),
        )

    def begin_answer(self) -> None:
        """Forget what the last answer said; the generator goes on."""
        self._history.reset()

    def choose(self, logits: Tensor) -> int:
        """Return the next id for ``logits`` [vocab_size]."""
        work = self.process(logits)
        if self._options.greedy:
            chosen = int(work.argmax())
        else:
            ids, probabilities = filtered_distribution(work, self._options)
            place = torch.multinomial(probabilities, 1, generator=self._generator)
            chosen = int(ids[place])
        self._history.append(chosen)
        return chosen

    def process(self, logits: Tensor) -> Tensor:
        """Return the logits after penalty and mask; valid until the next call."""
        work, divisor = self._work, self._history.divisor
        work.copy_(logits)
        torch.where(work < 0, work * divisor, work / divisor, out=work)
        work[self._forbidden] = NEVER
        return work


def unspoken_ids(tokenizer: TextTokenizer) -> tuple[int, ...]:
    """Return the ids of UNSPOKEN_MARKS that are one token, and the tokenizer's bad ids."""
    found = list(tokenizer.bad_ids)
    for mark in UNSPOKEN_MARKS:
        try:
            ids = tokenizer.encode(mark)
        except InputError:
            continue  # a small vocabulary cannot write it
        if len(ids) == 1:
            found += ids
    return tuple(dict.fromkeys(found))
