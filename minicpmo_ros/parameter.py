# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of a node as a frozen dataclass: one place for default, range, unit and description.

    @dataclass(frozen=True)
    class PerceptionParameters:
        jpeg_quality: int = parameter(90, 'quality of the published pictures', 1, 100)

Groups with dotted names (``barge_in.min_speech``) are fields whose type is such a dataclass.
This module knows no ROS; ``parameter_server`` declares the fields in a node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
import dataclasses
from dataclasses import MISSING, dataclass
import math
import typing
from typing import Any, Optional, TypeVar

from minicpmo_ros.errors import ParameterError

Value = bool | int | float | str | tuple
Parameters = TypeVar('Parameters')

ARRAY_ITEMS = {tuple[str, ...]: str, tuple[float, ...]: float, tuple[int, ...]: int}


@dataclass(frozen=True)
class ParameterField:
    """One declared parameter."""

    name: str
    type: Any
    default: Value
    description: str
    minimum: Optional[float] = None
    maximum: Optional[float] = None
    unit: str = ''
    choices: tuple[Value, ...] = ()
    read_only: bool = False

    @property
    def text(self) -> str:
        """Return the description with unit and choices, as shown to users."""
        unit = f' [{self.unit}]' if self.unit else ''
        choices = f'; one of: {", ".join(map(str, self.choices))}' if self.choices else ''
        return self.description + unit + choices

    def convert(self, value: object) -> Value:
        """Return ``value`` in the type of the field; raise ParameterError when it does not fit."""
        if self.type in ARRAY_ITEMS:
            return self._convert_array(value)
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not self.type:
            raise ParameterError(
                f'{self.name} must be {self.type.__name__}, got {value!r} ({type(value).__name__})'
            )
        self._check_range(value)
        return value

    def _convert_array(self, value: object) -> tuple:
        if isinstance(value, (str, bytes)) and value:
            raise ParameterError(f'{self.name} must be a list, got {value!r}')
        items = dataclasses.replace(self, type=ARRAY_ITEMS[self.type])
        return tuple(items.convert(item) for item in value)

    def _check_range(self, value: Value) -> None:
        if self.choices and value not in self.choices:
            raise ParameterError(f'{self.name} must be one of {list(self.choices)}, got {value!r}')
        if isinstance(value, float) and math.isnan(value):
            raise ParameterError(f'{self.name} must be a number, got nan')
        if self.minimum is not None and value < self.minimum:
            raise ParameterError(f'{self.name} must be at least {self.minimum}, got {value!r}')
        if self.maximum is not None and value > self.maximum:
            raise ParameterError(f'{self.name} must be at most {self.maximum}, got {value!r}')


def parameter(
    default: Value,
    description: str,
    minimum: Optional[float] = None,
    maximum: Optional[float] = None,
    *,
    unit: str = '',
    choices: tuple[Value, ...] = (),
    read_only: bool = False,
) -> Any:
    """Return a dataclass field that is a parameter of a node.

    :param unit: SI unit of the value, shown in brackets behind the description.
    :param read_only: the value is fixed when the node starts.
    """
    metadata = {
        'description': description,
        'minimum': minimum,
        'maximum': maximum,
        'unit': unit,
        'choices': choices,
        'read_only': read_only,
    }
    return dataclasses.field(default=default, metadata=metadata)


def group(parameters: type[Parameters]) -> Any:
    """Return a dataclass field that holds a group of parameters with a common prefix."""
    return dataclasses.field(default_factory=parameters)


def parameter_fields(parameters: type, prefix: str = '') -> Iterator[ParameterField]:
    """Yield the parameters of a dataclass, groups included, in the order of their declaration."""
    hints = typing.get_type_hints(parameters)
    for field in dataclasses.fields(parameters):
        name = prefix + field.name
        if dataclasses.is_dataclass(hints[field.name]):
            yield from parameter_fields(hints[field.name], name + '.')
        elif field.default is MISSING or 'description' not in field.metadata:
            raise TypeError(f'{parameters.__name__}.{field.name} must be made with parameter()')
        else:
            yield ParameterField(name, hints[field.name], field.default, **field.metadata)


def build(parameters: type[Parameters], values: Mapping[str, object]) -> Parameters:
    """Return the dataclass with ``values`` by dotted name, defaults for the rest.

    :raises ParameterError: for an unknown name or a value that does not fit.
    """
    known = {field.name: field for field in parameter_fields(parameters)}
    for name in values:
        if name not in known:
            raise ParameterError(f'unknown parameter {name!r}; known: {", ".join(known)}')
    converted = {name: known[name].convert(value) for name, value in values.items()}
    return _build_group(parameters, converted, '')


def _build_group(parameters: type[Parameters], values: Mapping, prefix: str) -> Parameters:
    hints = typing.get_type_hints(parameters)
    arguments = {}
    for field in dataclasses.fields(parameters):
        name = prefix + field.name
        if dataclasses.is_dataclass(hints[field.name]):
            arguments[field.name] = _build_group(hints[field.name], values, name + '.')
        elif name in values:
            arguments[field.name] = values[name]
    return parameters(**arguments)
