# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Takes checked values out of a located YAML document; each error names line and key."""

from __future__ import annotations

import math
from typing import Any, Callable

from minicpmo_ros.actions.located_yaml import Located
from minicpmo_ros.errors import LocatedError


class Section:
    """A mapping whose keys are taken one by one; unknown and missing keys are errors."""

    def __init__(
        self,
        node: Located,
        title: str,
        required: tuple[str, ...] = (),
        optional: tuple[str, ...] = (),
    ) -> None:
        self.items = take_mapping(node, title)
        self.line = node.line
        self.title = title
        allowed = (*required, *optional)
        for key, item in self.items.items():
            if key not in allowed:
                names = ', '.join(allowed)
                raise LocatedError(item.line, f'{title}: unknown key {key!r}; known: {names}')
        for key in required:
            if key not in self.items:
                raise LocatedError(node.line, f'{title}: key {key!r} is missing')

    def take(self, key: str) -> Located:
        """Return a required value."""
        return self.items[key]

    def get(self, key: str, default: Any, convert: Callable[[Located, str], Any]) -> Any:
        """Return an optional value through a converter, or the default."""
        item = self.items.get(key)
        return default if item is None else convert(item, f'{self.title}.{key}')


def take_mapping(node: Located, title: str) -> dict[str, Located]:
    """Return the entries of a mapping by key."""
    if not isinstance(node.value, dict):
        raise LocatedError(node.line, f'{title}: expected a mapping')
    return node.value


def take_text(node: Located, title: str) -> str:
    """Return a text that is not empty."""
    if not isinstance(node.value, str) or not node.value.strip():
        raise LocatedError(node.line, f'{title}: expected a text; quote {node.value!r}')
    return node.value


def take_flag(node: Located, title: str) -> bool:
    """Return true or false."""
    if not isinstance(node.value, bool):
        raise LocatedError(node.line, f'{title}: {node.value!r} is not true or false')
    return node.value


def take_seconds(node: Located, title: str) -> float:
    """Return a duration of at most a day [s]."""
    number = take_number(node, title)
    if not 0.0 <= number <= 86400.0:
        raise LocatedError(node.line, f'{title}: {number} s is not in [0, 86400]')
    return number


def take_number(node: Located, title: str) -> float:
    """Return a finite number."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise LocatedError(node.line, f'{title}: {value!r} is not a finite number')
    return float(value)


def take_count(node: Located, title: str) -> int:
    """Return a positive whole number."""
    if isinstance(node.value, bool) or not isinstance(node.value, int) or node.value < 1:
        raise LocatedError(node.line, f'{title}: {node.value!r} is not a positive whole number')
    return node.value


def take_member(enumeration: Any) -> Callable[[Located, str], Any]:
    """Return a converter to a member of an enumeration of words."""

    def convert(node: Located, title: str) -> Any:
        try:
            return enumeration(node.value)
        except ValueError as error:
            words = ', '.join(item.value for item in enumeration)
            raise LocatedError(node.line, f'{title}: {node.value!r} is not {words}') from error

    return convert


def take_list(node: Located, title: str) -> list[Located]:
    """Return the entries of a list."""
    if not isinstance(node.value, list):
        raise LocatedError(node.line, f'{title}: expected a list')
    return node.value


def take_positive_seconds(node: Located, title: str) -> float:
    """Return a duration longer than zero and of at most a day [s]."""
    seconds = take_seconds(node, title)
    if seconds <= 0.0:
        raise LocatedError(node.line, f'{title}: a request must be able to end; use more than 0 s')
    return seconds
