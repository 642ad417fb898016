# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Text that arrives in pieces, cut only where no word is cut."""

from __future__ import annotations

import re
import unicodedata

MAX_WAITING = 200
"""Characters without any border between words that are spoken all the same."""
_UNSPACED = (('\u3040', '\u30ff'), ('\u3400', '\u4dbf'), ('\u4e00', '\u9fff'))
"""Scripts whose every character may end a word: kana and Chinese characters."""
_BRACKETS = re.compile(r'\[(?=\[)|\](?=\])')
"""Every bracket of a run but the last one, so that none of any length stays double."""


def speakable(text: str) -> str:
    """Return ``text`` with nothing in it that a synthesizer could take for a command.

    Control characters and unpaired surrogates become spaces; double brackets (phoneme codes) are
    pulled apart.
    """
    kept = (' ' if unicodedata.category(c) in ('Cc', 'Cs', 'Co') else c for c in text)
    return _BRACKETS.sub(r'\g<0> ', ''.join(kept))


class SpokenText:
    """Holds back the word at the end of a piece until the next piece completes it.

    :param whole_words: no piece ends inside a word, so nothing is held back.
    """

    def __init__(self, whole_words: bool = False) -> None:
        self._whole_words = whole_words
        self._waiting = ''

    @property
    def waiting(self) -> str:
        """Return what is held back."""
        return self._waiting

    def reset(self) -> None:
        """Drop what is held back."""
        self._waiting = ''

    def push(self, text: str, end: bool) -> str:
        """Return what can be spoken after this piece; with ``end`` all of it."""
        text, self._waiting = self._waiting + text, ''
        if end or self._whole_words:
            return text
        border = _last_border(text)
        if not border and len(text) > MAX_WAITING:
            border = len(text)
        self._waiting = text[border:]
        return text[:border]


def _last_border(text: str) -> int:
    """Return the index behind the last complete word, 0 where there is none."""
    for index in range(len(text), 0, -1):
        if _ends_word(text[index - 1]):
            return index
    return 0


def _ends_word(character: str) -> bool:
    if character.isspace() or any(low <= character <= high for low, high in _UNSPACED):
        return True
    # Marks inside words and numbers (it's, well-known, 3.5, 1,000) do not end them for sure.
    return unicodedata.category(character)[0] == 'P' and character not in "'\u2019-.,:_@/\u00b7"
