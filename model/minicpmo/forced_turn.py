# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A turn whose words are given: the model says them with its own voice and remembers them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
import re

from minicpmo.errors import InputError
from minicpmo.special_token import SpecialTokens
from minicpmo.tokenizer import TextTokenizer
from minicpmo.unit_decoder import DecodingOptions

MOST_CHARACTERS = 400
_WORD = re.compile(r'\s*\S+')


class ForcedTurn:
    """What of a given text still has to be said, a part for each unit; false when nothing is.

    Units are filled as the model fills them, cut between words where that is possible.
    """

    def __init__(
        self, tokenizer: TextTokenizer, tokens: SpecialTokens, limits: DecodingOptions
    ) -> None:
        self._tokenizer = tokenizer
        self._turn_end = tokens.turn_end
        self._structure = tokens.all_ids | tokenizer.skip_ids
        self._most_tokens = limits.max_tokens - 3  # <|speak|> and <|turn_eos|> need their place
        self._most_characters = limits.max_characters
        self._parts: deque[tuple[int, ...]] = deque()

    def __bool__(self) -> bool:
        return bool(self._parts)

    def reset(self) -> None:
        """Say nothing more of it."""
        self._parts.clear()

    def begin(self, text: str) -> None:
        """Replace what waits by a text of at most MOST_CHARACTERS characters.

        Raises InputError when it is empty, too long, or contains special tokens.
        """
        words = ' '.join(text.split())
        if not words or len(words) > MOST_CHARACTERS:
            raise InputError(f'text of {len(words)} characters; pass 1 to {MOST_CHARACTERS}')
        parts = self._cut(_WORD.findall(words))
        if any(not self._structure.isdisjoint(ids) for ids in parts):
            raise InputError('the text contains a special token; pass plain text')
        self._parts = deque([*parts[:-1], (*parts[-1], self._turn_end)])

    def take(self) -> tuple[int, ...]:
        """Return the ids of the next unit, without ``<|speak|>``; the last ends the turn."""
        return self._parts.popleft()

    def _cut(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        parts: list[tuple[int, ...]] = []
        text, ids = '', ()
        for word in words:
            longer = tuple(self._tokenizer.encode(text + word))
            too_long = len(text + word) >= self._most_characters
            if text and (too_long or len(longer) > self._most_tokens):
                parts.append(ids)
                text, longer = '', tuple(self._tokenizer.encode(word))
            while len(longer) > self._most_tokens:  # a single word that does not fit
                parts.append(longer[: self._most_tokens])
                longer = longer[self._most_tokens :]
            text, ids = text + word, longer
        return [*parts, ids] if ids else parts
