# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Action tags: ``[do go_to place=kitchen]`` written by the model inside its text.

    tag      = "[do " skill *( " " name "=" value ) "]"
    skill    = name = a-z *( a-z | 0-9 | "_" )
    value    = 1*( letter | digit | "_" | "-" | "." ) | '"' 1*( any but quote or bracket ) '"'

At most 200 characters. A tag is neither spoken nor shown. Brackets that do not begin a tag are
ordinary text; a bracket inside a tag, an unfinished or an oversized one make it malformed: it is
removed and reported, never guessed at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
import re

from minicpmo_ros.errors import TagError

TAG_OPENING = '[do '
MAX_TAG = 200
_NAME = '[a-z][a-z0-9_]*'
_VALUE = r'[A-Za-z0-9_.-]+|"[^"\[\]\n]+"'
_ARGUMENT = re.compile(rf'({_NAME})=({_VALUE})')
_TAG = re.compile(rf'\[do ({_NAME})((?: {_NAME}=(?:{_VALUE}))*)\]')


@dataclass(frozen=True)
class ActionTag:
    """A parsed tag; the values are words, checked later against the skill's schema."""

    skill: str
    arguments: dict[str, str]


def parse_tag(text: str) -> ActionTag:
    """Return the tag in ``text``; raise TagError when it is not exactly one well-formed tag."""
    found = _TAG.fullmatch(text) if len(text) <= MAX_TAG else None
    if found is None:
        raise TagError(f'not an action tag: {text[:MAX_TAG]!r}')
    pairs = _ARGUMENT.findall(found[2])
    arguments = {name: value.strip('"') for name, value in pairs}
    if len(arguments) != len(pairs):
        raise TagError(f'an argument stands twice: {text!r}')
    return ActionTag(found[1], arguments)


@dataclass
class FilteredText:
    """What is left of a piece of text, and what was taken out of it."""

    visible: str = ''
    tags: list[str] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)


@dataclass
class ActionTagFilter:
    """Takes tags out of text that arrives piece by piece. One per stream."""

    _held: str = ''

    def reset(self) -> None:
        """Forget a tag that was begun, e.g. because the turn was interrupted."""
        self._held = ''

    def feed(self, piece: str) -> FilteredText:
        """Return what can be shown after this piece; a possible tag is held back."""
        result = FilteredText()
        for character in piece:
            self._take(character, result)
        return result

    def finish(self) -> FilteredText:
        """Return what was held back at the end of a turn; an unfinished tag is malformed."""
        result = FilteredText()
        self._release(result)
        return result

    @property
    def holding(self) -> bool:
        """Return whether the last character fed may belong to a tag."""
        return bool(self._held)

    def _take(self, character: str, result: FilteredText) -> None:
        if not self._held:
            if character == '[':
                self._held = character
            else:
                result.visible += character
            return
        if character == '[':
            self._release(result)
            self._held = character
            return
        self._held += character
        if not TAG_OPENING.startswith(self._held[: len(TAG_OPENING)]):
            result.visible += self._held
            self._held = ''
        elif character == ']':
            result.tags.append(self._held)
            self._held = ''
        elif len(self._held) > MAX_TAG:
            self._release(result)

    def _release(self, result: FilteredText) -> None:
        if self._held.startswith(TAG_OPENING):
            result.malformed.append(self._held)
        else:
            result.visible += self._held
        self._held = ''


@dataclass
class SpokenTokenMask:
    """Decides token by token what the speech decoder may see, so that tags are never voiced."""

    _filter: ActionTagFilter = field(default_factory=ActionTagFilter)

    def reset(self) -> None:
        """Forget a tag that was begun."""
        self._filter.reset()

    def __call__(self, pieces: list[str]) -> list[bool]:
        """Return for the text of each token of a unit whether it is to be spoken.

        A token that holds any character of a tag, or of what may still become one, is silent.
        """
        mask = []
        for piece in pieces:
            before = self._filter.holding
            result = self._filter.feed(piece)
            touched = before or self._filter.holding or result.tags or result.malformed
            mask.append(not touched)
        return mask
