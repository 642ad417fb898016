# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decodes ids to text piece by piece, never cutting a character in two."""

from __future__ import annotations

from minicpmo.tokenizer import TextTokenizer

UNFINISHED = '\N{REPLACEMENT CHARACTER}'


class TextStream:
    """The text of one growing answer; keeps only ids whose text is not complete yet."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self._tokenizer = tokenizer
        self._waiting: list[int] = []

    def push(self, token: int) -> str:
        """Return the text that ``token`` completes, often that of this token alone."""
        self._waiting.append(token)
        text = self._tokenizer.decode(self._waiting)
        if text.endswith(UNFINISHED):
            return ''
        self._waiting.clear()
        return text

    def finish(self) -> str:
        """Return what is left, complete or not."""
        text = self._tokenizer.decode(self._waiting)
        self._waiting.clear()
        return text
