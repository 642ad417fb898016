# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Groups speech codes into the blocks the vocoder is called with."""

from __future__ import annotations

from dataclasses import dataclass

from minicpmo.speech.token2wav_config import LOOKAHEAD_CODES, SILENCE_CODE

BLOCK_CODES = 28
"""Most codes of one call; the last three of them come again in the next."""
DUPLEX_THRESHOLD = 8
"""Codes that must wait before the vocoder is called in duplex."""
CHAT_THRESHOLD = BLOCK_CODES
"""The same in turn-based speech."""


@dataclass(frozen=True)
class CodeBlock:
    """Codes of one vocoder call; ``last`` ends the turn."""

    codes: list[int]
    last: bool


class CodeBuffer:
    """Codes of one turn that wait for their look-ahead; begins with three codes of silence."""

    def __init__(self, threshold: int = DUPLEX_THRESHOLD) -> None:
        self._threshold = threshold
        self._waiting: list[int] = []
        self.reset()

    def __len__(self) -> int:
        """Return how many codes wait."""
        return len(self._waiting)

    def reset(self) -> None:
        """Return to the start of a turn."""
        self._waiting = [SILENCE_CODE] * LOOKAHEAD_CODES

    def push(self, codes: list[int], end_of_turn: bool) -> list[CodeBlock]:
        """Add codes and return the blocks that are due; with ``end_of_turn`` everything is."""
        self._waiting.extend(codes)
        blocks = []
        while len(self._waiting) >= self._threshold:
            taken = self._waiting[:BLOCK_CODES]
            blocks.append(CodeBlock(taken, last=False))
            del self._waiting[: len(taken) - LOOKAHEAD_CODES]
        if end_of_turn:
            blocks.append(CodeBlock(self._waiting, last=True))
            self.reset()
        return blocks
