# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How much of an answer is said in one unit: about one second of speech."""

from __future__ import annotations

import math

# espeak-ng at 175 words per minute speaks about 15 characters per second of these sentences
CHARACTERS_PER_UNIT = 19


def split_into_units(sentence: str) -> tuple[str, ...]:
    """Return the text of each unit: as few units as possible, of nearly equal length.

    The sentence is cut at word borders; the space goes in front of the next word, so joining the
    parts gives the sentence again. A single longer word stays whole.
    """
    words = sentence.split(' ')
    count = math.ceil(len(sentence) / CHARACTERS_PER_UNIT)
    while True:
        parts = _balanced(words, count, len(sentence))
        if len(parts) >= len(words) or max(map(len, parts)) <= CHARACTERS_PER_UNIT + 1:
            return parts
        count += 1


def _balanced(words: list[str], count: int, length: int) -> tuple[str, ...]:
    """Return the words joined into about ``count`` parts, each cut nearest to its ideal border."""
    parts, begin, spoken = [], 0, 0
    for index, word in enumerate(words):
        following = spoken + len(word) + 1
        border = length * (len(parts) + 1) / count
        if index > begin and abs(spoken - border) <= abs(following - border):
            parts.append(' '.join(words[begin:index]))
            begin = index
        spoken = following
    parts.append(' '.join(words[begin:]))
    return (parts[0], *(f' {part}' for part in parts[1:]))
