# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Declare the parameters of a node from its dataclass and keep them valid while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Optional

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from minicpmo_ros.errors import ParameterError
from minicpmo_ros.parameter import ARRAY_ITEMS, ParameterField, Parameters, build, parameter_fields

LARGEST = 1e18


class ParameterServer(Generic[Parameters]):
    """The parameters of one node.

    ``value`` is always a valid, frozen instance of the dataclass. A set request is rejected with a
    reason when a value does not fit, or when ``on_change(new value, changed names)`` raises
    ParameterError; the old value then stays.

    :raises ParameterError: when a value given at start-up does not fit.
    """

    def __init__(
        self,
        node: Node,
        parameters: type[Parameters],
        on_change: Optional[Callable[[Parameters, set[str]], None]] = None,
    ) -> None:
        self._type = parameters
        self._fields = {field.name: field for field in parameter_fields(parameters)}
        self._on_change = on_change
        self._values: dict[str, Any] = {}
        for field in self._fields.values():
            self._values[field.name] = _declare(node, field)
        self.value = build(parameters, self._values)
        node.add_on_set_parameters_callback(self._set)

    def _set(self, requested: Sequence[Parameter]) -> SetParametersResult:
        changed = {p.name: p.value for p in requested if p.name in self._fields}
        try:
            for name, value in changed.items():
                changed[name] = self._fields[name].convert(value)
            new = build(self._type, {**self._values, **changed})
            if changed and self._on_change is not None:
                self._on_change(new, set(changed))
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._values.update(changed)
        self.value = new
        return SetParametersResult(successful=True)


def _declare(node: Node, field: ParameterField) -> Any:
    is_array = field.type in ARRAY_ITEMS
    default = list(field.default) if is_array else field.default
    descriptor = ParameterDescriptor(
        name=field.name,
        description=field.text,
        read_only=field.read_only,
        # Lets users write 1 for 1.0, and empty lists; the type is checked by the field.
        dynamic_typing=is_array or field.type is float,
    )
    if field.type is float and (field.minimum is not None or field.maximum is not None):
        descriptor.floating_point_range = [FloatingPointRange(**_bounds(field, float))]
    if field.type is int and (field.minimum is not None or field.maximum is not None):
        descriptor.integer_range = [IntegerRange(**_bounds(field, int))]
    value = node.declare_parameter(field.name, default, descriptor).value
    return field.convert(value)


def _bounds(field: ParameterField, kind: type) -> dict[str, Any]:
    lower = -LARGEST if field.minimum is None else field.minimum
    upper = LARGEST if field.maximum is None else field.maximum
    return {'from_value': kind(lower), 'to_value': kind(upper)}
