# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of a running node."""

from dataclasses import dataclass

import pytest
import rclpy
from rclpy.parameter import Parameter

from minicpmo_ros.errors import ParameterError
from minicpmo_ros.parameter import group, parameter
from minicpmo_ros.parameter_server import ParameterServer


@dataclass(frozen=True)
class Inner:
    gain: float = parameter(1.0, 'a factor', 0.0, 4.0)


@dataclass(frozen=True)
class Some:
    inner: Inner = group(Inner)
    mode: str = parameter('a', 'a mode', choices=('a', 'b', 'refused'))
    names: tuple[str, ...] = parameter((), 'some names')
    path: str = parameter('x', 'a path', read_only=True)


@pytest.fixture
def make(ros):
    nodes = []

    def create(on_change=None, **overrides):
        given = [Parameter(name.replace('__', '.'), value=v) for name, v in overrides.items()]
        node = rclpy.create_node('some', parameter_overrides=given)
        nodes.append(node)
        return node, ParameterServer(node, Some, on_change)

    yield create
    for node in nodes:
        node.destroy_node()


def request(node, name, value):
    return node.set_parameters([Parameter(name, value=value)])[0]


def test_overrides_are_taken_and_converted(make):
    _, server = make(inner__gain=2, names=['a', 'b'])
    assert server.value == Some(Inner(2.0), names=('a', 'b'))


def test_wrong_override_stops_the_start(make):
    with pytest.raises(ParameterError, match='mode must be one of'):
        make(mode='z')


def test_values_change_while_running(make):
    seen = []
    node, server = make(lambda value, changed: seen.append((value.mode, changed)))
    assert request(node, 'mode', 'b').successful
    assert server.value.mode == 'b' and seen == [('b', {'mode'})]
    assert request(node, 'names', []).successful


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('mode', 'z', 'must be one of'),
        ('inner.gain', 9.0, 'gain'),
        ('inner.gain', 'loud', 'float'),
        ('path', 'y', 'read-only'),
    ],
)
def test_values_that_do_not_fit_are_rejected_with_a_reason(make, name, value, reason):
    node, server = make()
    before = server.value
    result = request(node, name, value)
    assert not result.successful and reason in result.reason
    assert server.value == before


def test_owner_can_refuse(make):
    def refuse(value, changed):
        if value.mode == 'refused':
            raise ParameterError('not now')

    node, server = make(refuse)
    result = request(node, 'mode', 'refused')
    assert (result.successful, result.reason) == (False, 'not now')
    assert server.value.mode == 'a'


def test_descriptors_carry_the_manual(make):
    node, _ = make()
    descriptor = node.describe_parameter('inner.gain')
    assert descriptor.description == 'a factor'
    assert descriptor.floating_point_range[0].to_value == 4.0
    assert node.describe_parameter('path').read_only
