# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Nodes that fail half-way through their start can be destroyed: newer releases of rclpy do so."""

import pytest
from rclpy.exceptions import InvalidParameterValueException
from rclpy.parameter import Parameter

from minicpmo_ros import media_node, perception_node
from minicpmo_ros.errors import AssistantError


@pytest.mark.parametrize(
    ('kind', 'name', 'value'),
    [
        (media_node.MediaNode, 'source', 'no-such-file.mp4'),
        (perception_node.PerceptionNode, 'jpeg_quality', 1000),
    ],
)
def test_half_made_node_is_destroyed_without_another_error(ros, monkeypatch, kind, name, value):
    """The second error would hide the first one, which names the value and the remedy."""
    made = []
    original = kind.__mro__[1].__init__

    def remember(self, *arguments, **options):
        made.append(self)
        original(self, *arguments, **options)

    monkeypatch.setattr(kind.__mro__[1], '__init__', remember)
    with pytest.raises((AssistantError, InvalidParameterValueException)):
        kind(parameter_overrides=[Parameter(name, value=value)])
    made[0].destroy_node()


def test_destroying_twice_is_harmless(ros):
    """A node may be destroyed by its owner and again when the context ends."""
    node = perception_node.PerceptionNode()
    node.destroy_node()
    node.destroy_node()
