# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sentence templates such as ``(I'm|I am) going to the {place}``.

``{name}`` stands for an argument of the skill, ``(a|b)`` for alternatives and ``[x]`` for
something optional. Templates compile to regular expressions without nested repetition, so that
no text can make matching slow.
"""

from __future__ import annotations

import re
from typing import Mapping, Optional
import unicodedata

from minicpmo_ros.actions.skill import ArgumentSchema, ArgumentType
from minicpmo_ros.errors import PatternError

MAX_SENTENCE = 300
_TOKEN = re.compile(r"\{([a-z][a-z0-9_]*)\}|([()|\[\]])|([\w'-]+)|(\s+)|(.)", re.DOTALL)
_OPENERS = (
    r'(?:(?:ok|okay|sure|yes|alright|all right|of course|certainly|right|got it|no problem|'
    r'sounds good|well|great|good),? (?:then,? )?)*'
)
_CLOSERS = r'(?:,? (?:now|right now|right away|then|for you|again|please|at once|straight away))*'
_TYPOGRAPHIC = str.maketrans(
    {'’': "'", '‘': "'", '“': '"', '”': '"', '«': '"', '»': '"', '…': '.', '\u00a0': ' '}
)
# Marks that end a sentence; the text after a colon or dash may be a quotation, so it is not split.
_SENTENCE = re.compile(r'[^.!?;\n]+(?:[.!?;\n]+"?)*')


def normalise(text: str) -> str:
    """Return text with typographic quotes replaced and spaces collapsed; letters are kept."""
    return ' '.join(text.translate(_TYPOGRAPHIC).split())


def sentences(text: str) -> list[str]:
    """Return the sentences of a text with their end marks, at most MAX_SENTENCE long each.

    A sentence that begins inside a quotation is what somebody else said or wrote: left out.
    """
    found: list[str] = []
    quoted = False
    for part in _SENTENCE.findall(text.translate(_TYPOGRAPHIC)):
        sentence = normalise(part)
        if sentence and not quoted and len(sentence) <= MAX_SENTENCE:
            found.append(sentence)
        quoted ^= part.count('"') % 2 == 1
    return found


class PhrasePattern:
    """A compiled template; matches whole sentences only."""

    def __init__(self, template: str, arguments: Mapping[str, ArgumentSchema]) -> None:
        self.template = template
        self._regex = re.compile(
            _OPENERS + _compile(template, arguments) + _CLOSERS + r'[.!]?', re.IGNORECASE
        )

    def match(self, sentence: str) -> Optional[dict[str, str]]:
        """Return the words found for each argument, None when the sentence is another one."""
        # Case folding would let look-alikes such as the long s or the Kelvin sign pass as letters.
        if unicodedata.normalize('NFKC', sentence) != sentence:
            return None
        found = self._regex.fullmatch(sentence)
        if found is None:
            return None
        return {name: words for name, words in found.groupdict().items() if words is not None}


def _compile(template: str, arguments: Mapping[str, ArgumentSchema]) -> str:
    if not template.strip():
        raise PatternError('an empty phrase matches everything')
    if len(template) > 200:
        raise PatternError('a phrase has at most 200 characters')
    parts: list[str] = []
    open_groups: list[str] = []
    for name, bracket, word, space, other in _TOKEN.findall(normalise(template)):
        if name:
            parts.append(_argument_group(name, arguments, parts))
        elif bracket:
            parts.append(_bracket(bracket, open_groups))
        elif word:
            parts.append(rf'\b{re.escape(word)}\b')
        elif space:
            # Word boundaries keep words apart, so an optional word may vanish with its space.
            parts.append(' *')
        elif other in ',.':
            parts.append(re.escape(other) + '?')
        else:
            raise PatternError(f'character {other!r} has no meaning in a phrase')
    if open_groups:
        raise PatternError(f'{open_groups[-1]!r} is not closed')
    return ''.join(parts)


def _bracket(bracket: str, open_groups: list[str]) -> str:
    if bracket in '([':
        open_groups.append(bracket)
        return '(?:'
    if bracket == '|':
        if not open_groups:
            raise PatternError("'|' stands outside of parentheses")
        return '|'
    if not open_groups or open_groups.pop() != {')': '(', ']': '['}[bracket]:
        raise PatternError(f'{bracket!r} closes nothing')
    return ')?' if bracket == ']' else ')'


def _argument_group(name: str, arguments: Mapping[str, ArgumentSchema], parts: list[str]) -> str:
    schema = arguments.get(name)
    if schema is None:
        raise PatternError(f'{{{name}}} is not an argument of the skill')
    if any(f'(?P<{name}>' in part for part in parts):
        raise PatternError(f'{{{name}}} stands twice in one phrase')
    return f'(?P<{name}>{_argument_regex(schema)})'


def _argument_regex(schema: ArgumentSchema) -> str:
    if schema.choices:
        words = sorted(schema.choices, key=len, reverse=True)
        return r'\b(?:' + '|'.join(re.escape(word) for word in words) + r')\b'
    if schema.type is ArgumentType.STRING:
        # One bounded run of letters: neither quotes nor brackets, so no tag can hide in it.
        return r"\b\w[\w '-]{0,%d}" % ((schema.max_length or 60) - 1)
    if schema.type is ArgumentType.BOOLEAN:
        return r'\b(?:on|off|yes|no|true|false)\b'
    return r'-?\d{1,9}(?:\.\d{1,6})?'
