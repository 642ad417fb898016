# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters as dataclasses."""

from dataclasses import dataclass

import pytest

from minicpmo_ros.errors import ParameterError
from minicpmo_ros.parameter import build, group, parameter, parameter_fields


@dataclass(frozen=True)
class Inner:
    limit: float = parameter(0.5, 'a limit', 0.0, 1.0, unit='s')


@dataclass(frozen=True)
class Outer:
    inner: Inner = group(Inner)
    count: int = parameter(3, 'a count', 1, 5)
    mode: str = parameter('a', 'a mode', choices=('a', 'b'))
    names: tuple[str, ...] = parameter((), 'some names')
    on: bool = parameter(False, 'a switch', read_only=True)


def test_names_and_texts():
    fields = {field.name: field for field in parameter_fields(Outer)}
    assert list(fields) == ['inner.limit', 'count', 'mode', 'names', 'on']
    assert fields['inner.limit'].text == 'a limit [s]'
    assert fields['mode'].text == 'a mode; one of: a, b'
    assert fields['on'].read_only


def test_values_are_converted():
    built = build(Outer, {'inner.limit': 1, 'names': ['x', 'y']})
    assert built == Outer(Inner(1.0), names=('x', 'y'))
    assert isinstance(built.inner.limit, float)


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('count', 0, 'at least 1'),
        ('count', 6, 'at most 5'),
        ('count', 2.0, 'must be int'),
        ('count', True, 'must be int'),
        ('on', 1, 'must be bool'),
        ('mode', 'c', 'one of'),
        ('inner.limit', float('nan'), 'number'),
        ('inner.limit', 'x', 'must be float'),
        ('names', 'x', 'must be a list'),
        ('names', [1], 'must be str'),
        ('colour', 'red', 'unknown parameter'),
    ],
)
def test_values_that_do_not_fit_are_refused(name, value, reason):
    with pytest.raises(ParameterError, match=reason):
        build(Outer, {name: value})


def test_plain_fields_are_a_mistake():
    @dataclass(frozen=True)
    class Plain:
        value: int = 3

    with pytest.raises(TypeError, match='made with parameter'):
        list(parameter_fields(Plain))
