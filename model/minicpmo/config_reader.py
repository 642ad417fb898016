# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Strict reading of plain configuration values into dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Optional, TypeVar

from minicpmo.errors import ConfigurationError

_T = TypeVar('_T')


def require(condition: bool, message: str) -> None:
    """Raise ConfigurationError with ``message`` unless ``condition`` holds."""
    if not condition:
        raise ConfigurationError(message)


def require_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Raise ConfigurationError naming the known values unless ``value`` is one of them."""
    known = ', '.join(repr(choice) for choice in choices)
    require(value in choices, f'{name} is {value!r}; this engine knows {known}')


def require_mapping(name: str, value: object) -> None:
    """Raise ConfigurationError unless ``value`` is an object with named entries."""
    require(
        isinstance(value, Mapping),
        f'{name} is {value!r:.80}; it must be an object with named entries',
    )


def require_heads(name: str, width: int, heads: int) -> None:
    """Raise ConfigurationError unless ``width`` can be split evenly among ``heads``."""
    require(
        width % heads == 0, f'{name}: width {width} is not divisible by {heads} attention heads'
    )


def read_part(cls: type[_T], data: Mapping[str, Any], name: str, switch: str) -> Optional[_T]:
    """Return the nested part ``name``, or None when it is absent or ``switch`` is false."""
    if data.get(name) is None or not data.get(switch, True):
        return None
    return read_fields(cls, data[name], f'{name}.')


def read_fields(cls: type[_T], data: Mapping[str, Any], prefix: str) -> _T:
    """Return ``cls`` from the keys of ``data`` that are its fields."""
    require_mapping(prefix.rstrip('.') or 'the configuration', data)
    values = known_fields(cls, data, prefix)
    try:
        return cls(**values)
    except TypeError as error:
        required = [spec.name for spec in fields(cls) if spec.name not in values]  # type: ignore
        raise ConfigurationError(
            f'the configuration lacks one of {", ".join(prefix + name for name in required)}'
        ) from error


def known_fields(cls: type, data: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the checked plain values of ``data`` that are fields of ``cls``."""
    kinds = {spec.name: spec.type for spec in fields(cls) if spec.type in _PLAIN_TYPES}
    return {
        name: _checked(prefix + name, data[name], kind)
        for name, kind in kinds.items()
        if data.get(name) is not None
    }


# Annotations are strings in this module.
_PLAIN_TYPES = {'int': int, 'float': (int, float), 'bool': bool, 'str': str}


def _checked(name: str, value: Any, kind: str) -> Any:
    numeric = kind in ('int', 'float')
    if not isinstance(value, _PLAIN_TYPES[kind]) or (numeric and isinstance(value, bool)):
        raise ConfigurationError(f'{name} is {value!r}; it must be of type {kind}')
    if numeric and value <= 0 and not name.endswith('_id'):
        raise ConfigurationError(f'{name} is {value!r}; it must be positive')
    return float(value) if kind == 'float' else value
