# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a listener has heard of the robot's turn: seconds turned into words."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class _Piece:
    begin: float
    end: float
    text: str


class HeardSpeech:
    """Text of the current turn with the time each piece of it is spoken.

    Words inside a piece are taken to be spread evenly over its characters. A word that was not
    heard to its end does not count, so nothing is remembered as said that was never played.
    """

    def __init__(self, maximum_pieces: int = 4096) -> None:
        self._maximum_pieces = maximum_pieces
        self._pieces: list[_Piece] = []
        self.turn_id = 0

    def add(self, turn_id: int, begin: float, seconds: float, text: str) -> None:
        """Note that ``text`` is spoken from ``begin`` [s] of the turn for ``seconds``."""
        if turn_id < self.turn_id:
            return
        if turn_id > self.turn_id:
            self._pieces.clear()
            self.turn_id = turn_id
        piece = _Piece(begin, begin + seconds, text)
        if piece not in self._pieces and len(self._pieces) < self._maximum_pieces:
            insort(self._pieces, piece)

    def text(self, turn_id: int, seconds: float) -> str:
        """Return the words of the turn that end within its first ``seconds``."""
        if turn_id != self.turn_id:
            return ''
        heard = ''
        for piece in self._pieces:
            if piece.end <= seconds + 1e-3:
                heard += piece.text
            elif piece.begin < seconds:
                share = (seconds - piece.begin) / (piece.end - piece.begin)
                return (heard + _whole_words(piece.text, share)).rstrip()
            else:
                break
        return heard.rstrip()

    def reset(self) -> None:
        """Forget the turn."""
        self._pieces.clear()
        self.turn_id = 0


def _whole_words(text: str, share: float) -> str:
    """Return the words of a text that end within a share of it."""
    position = int(len(text) * share)
    if position >= len(text) or text[position].isspace():
        return text[:position]
    if not any(character.isspace() for character in text):
        # A script without blanks (Chinese, Japanese): each character is as good as a word.
        return '' if text.isascii() else text[:position]
    while position > 0 and not text[position - 1].isspace():
        position -= 1
    return text[:position]
