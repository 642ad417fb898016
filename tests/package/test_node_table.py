# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Arguments of the node sets."""

import pytest

from minicpmo_ros.bringup import manual, parse_arguments
from minicpmo_ros.errors import ParameterError
from minicpmo_ros.node_table import ASSISTANT, MONITOR


def entry(name):
    return next(e for e in ASSISTANT.nodes if e.executable == name)


def options(name, **given):
    arguments = ASSISTANT.complete(given)
    return ASSISTANT.ros_arguments(entry(name), arguments, '/etc/file.yaml')


def test_media_node_is_started_only_for_media():
    assert not entry('media_node').is_wanted(ASSISTANT.complete({}))
    assert entry('media_node').is_wanted(ASSISTANT.complete({'media': 'a.mp4'}))


def test_audio_devices_can_be_left_out():
    given = ASSISTANT.complete({'use_audio_devices': 'false'})
    assert not entry('audio_device_node').is_wanted(given)


def test_empty_arguments_leave_the_file_in_force():
    assert not any('model_path' in word for word in options('inference_node'))
    assert 'model_path:="a: b"' in options('inference_node', model_path='a: b')


def test_topics_are_remapped():
    words = options('perception_node', image_topic='/head/rgb')
    assert 'image:=/head/rgb' in words
    assert not any(word.startswith('audio:=') for word in words)


def test_own_parameter_file_replaces_the_shipped_one():
    assert options('bridge_node')[6] == '/etc/file.yaml'
    assert '/my.yaml' in options('bridge_node', params_file='/my.yaml')


@pytest.mark.parametrize(
    ('given', 'reason'),
    [({'colour': 'red'}, 'unknown argument'), ({'use_bridge': 'maybe'}, 'must be one of')],
)
def test_wrong_arguments_are_refused(given, reason):
    with pytest.raises(ParameterError, match=reason):
        ASSISTANT.complete(given)


def test_words_become_arguments():
    assert parse_arguments(['a:=b', 'c:=d:=e']) == {'a': 'b', 'c': 'd:=e'}
    with pytest.raises(ParameterError, match='not of the form'):
        parse_arguments(['--loud'])


@pytest.mark.parametrize('node_set', [ASSISTANT, MONITOR], ids=lambda s: s.name)
def test_manual_describes_every_argument(node_set):
    text = manual(node_set)
    for argument in node_set.arguments:
        assert f"'{argument.name}':" in text
        assert argument.description in text
