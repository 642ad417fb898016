# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks the arguments of a request against the schema of the skill."""

from __future__ import annotations

import math
from typing import Any, Mapping

from minicpmo_ros.actions.skill import ArgumentSchema, ArgumentType, ArgumentValue, Skill
from minicpmo_ros.errors import ArgumentError

MAX_FREE_TEXT = 200
_TRUE = frozenset({'true', 'yes', 'on'})
_FALSE = frozenset({'false', 'no', 'off'})


def validate_arguments(
    schemas: Mapping[str, ArgumentSchema], raw: Mapping[str, Any]
) -> dict[str, ArgumentValue]:
    """Return typed arguments, defaults filled in; raise ArgumentError for anything else."""
    for name in raw:
        if name not in schemas:
            known = ', '.join(schemas) or 'none'
            raise ArgumentError('unknown_argument', f'argument {name!r} is not one of: {known}')
    values: dict[str, ArgumentValue] = {}
    for name, schema in schemas.items():
        if name in raw:
            values[name] = validate_argument(schema, raw[name])
        elif schema.default is not None:
            values[name] = schema.default
        else:
            raise ArgumentError('missing_argument', f'argument {name!r} is missing')
    return values


def validate_argument(schema: ArgumentSchema, value: Any) -> ArgumentValue:
    """Return ``value`` as the type of the schema; words are accepted for every type."""
    convert = {
        ArgumentType.STRING: _string,
        ArgumentType.INTEGER: _integer,
        ArgumentType.NUMBER: _number,
        ArgumentType.BOOLEAN: _boolean,
    }[schema.type]
    return convert(schema, value)


def _string(schema: ArgumentSchema, value: Any) -> str:
    if not isinstance(value, str):
        raise ArgumentError('wrong_type', f'{schema.name}: {value!r} is not a string')
    text = ' '.join(value.split())
    if schema.choices:
        word = text.casefold().removeprefix('the ')
        if word not in schema.choices:
            allowed = ', '.join(schema.choices)
            raise ArgumentError('not_allowed', f'{schema.name}: {text!r} is not one of: {allowed}')
        return word
    limit = schema.max_length or MAX_FREE_TEXT
    if not text or len(text) > limit:
        raise ArgumentError('wrong_length', f'{schema.name}: needs 1 to {limit} characters')
    if not text.isprintable():
        raise ArgumentError('not_printable', f'{schema.name}: holds control characters')
    return text


def _in_range(schema: ArgumentSchema, value: float) -> None:
    low = -math.inf if schema.minimum is None else schema.minimum
    high = math.inf if schema.maximum is None else schema.maximum
    if not math.isfinite(value) or not low <= value <= high:
        raise ArgumentError('out_of_range', f'{schema.name}: {value} is not in [{low}, {high}]')


def _number(schema: ArgumentSchema, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ArgumentError('wrong_type', f'{schema.name}: {value!r} is not a number')
    if isinstance(value, str) and (len(value) > 32 or not value.isascii() or '_' in value):
        raise ArgumentError('wrong_type', f'{schema.name}: {value[:32]!r} is not a number')
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        message = f'{schema.name}: {str(value)[:32]!r} is not a number'
        raise ArgumentError('wrong_type', message) from error
    _in_range(schema, number)
    return number


def _integer(schema: ArgumentSchema, value: Any) -> int:
    number = _number(schema, value)
    if not number.is_integer():
        raise ArgumentError('wrong_type', f'{schema.name}: {value!r} is not a whole number')
    return int(number)


def _boolean(schema: ArgumentSchema, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().casefold()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    raise ArgumentError('wrong_type', f'{schema.name}: {value!r} is not true or false')


def example_arguments(skill: Skill) -> dict[str, ArgumentValue]:
    """Return some valid arguments of a skill, to try its message with."""
    return {name: _example(schema) for name, schema in skill.arguments.items()}


def _example(schema: ArgumentSchema) -> ArgumentValue:
    if schema.default is not None:
        return schema.default
    if schema.type is ArgumentType.STRING:
        return next(iter(schema.choices), 'x')
    if schema.type is ArgumentType.BOOLEAN:
        return False
    whole = schema.type is ArgumentType.INTEGER
    return validate_argument(schema, math.ceil(schema.minimum) if whole else schema.minimum)
