# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Builds ROS messages from plain values, strictly: unknown fields and wrong types are errors."""

from __future__ import annotations

import importlib
import re
from typing import Any

from builtin_interfaces.msg import Time

from minicpmo_ros.errors import ArgumentError


def import_interface(type_name: str) -> Any:
    """Return the class of ``package/msg|srv|action/Name``.

    :raises ArgumentError: code ``type_not_installed`` when the package is missing.
    """
    package, interface, name = type_name.split('/')
    try:
        return getattr(importlib.import_module(f'{package}.{interface}'), name)
    except (ImportError, AttributeError) as error:
        raise ArgumentError(
            'type_not_installed', f'{type_name} is not installed: install the package {package}'
        ) from error


def fill_message(message: Any, values: dict[str, Any]) -> Any:
    """Set the fields of a message in place and return it.

    :raises ArgumentError: code ``wrong_message`` for an unknown field or an unfit value.
    """
    fields = message.get_fields_and_field_types()
    for name, value in values.items():
        if name not in fields:
            known = ', '.join(fields) or 'none'
            raise ArgumentError(
                'wrong_message', f'{type(message).__name__} has no field {name!r}; known: {known}'
            )
        setattr(message, name, _convert(getattr(message, name), fields[name], value, name))
    return message


def _convert(current: Any, field_type: str, value: Any, name: str) -> Any:
    """Return ``value`` as the type of the field; rclpy itself would cut integers silently."""
    if hasattr(current, 'get_fields_and_field_types'):
        if isinstance(current, Time) and isinstance(value, Time):
            return value
        if isinstance(value, dict):
            return fill_message(current, value)
    elif isinstance(current, bool) or isinstance(value, bool):
        if isinstance(current, bool) and isinstance(value, bool):
            return value
    elif isinstance(current, float) and isinstance(value, (int, float)):
        return float(value)
    elif isinstance(current, int) and isinstance(value, int):
        if _fits(field_type, value):
            return value
    elif isinstance(current, str) and isinstance(value, str):
        return value
    raise ArgumentError('wrong_message', f'field {name!r} ({field_type}) cannot be {value!r}')


def _fits(field_type: str, value: int) -> bool:
    """Return whether an integer fits a field such as ``uint8``."""
    found = re.fullmatch(r'(u?)int(8|16|32|64)', field_type)
    if found is None:  # octet and char
        return 0 <= value <= 255
    bits = int(found[2])
    low = 0 if found[1] else -(2 ** (bits - 1))
    return low <= value < low + 2**bits
