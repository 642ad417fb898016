# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every node declares exactly the parameters of the parameter table."""

import importlib

import numpy as np
import pytest
from rclpy.parameter import Parameter
import soundfile

from minicpmo_ros.node_table import ASSISTANT
from minicpmo_ros.parameter_table import NODE_PARAMETERS, fields_of

OF_ROS = {'use_sim_time', 'start_type_description_service'}
OVERRIDES = {
    'inference_node': {'autostart': False},
    'audio_device_node': {'device': 'none'},
    'bridge_node': {'audit_file': ''},
    'watch_node': {'store_file': ''},
}


def class_of(module: object, name: str) -> type:
    return getattr(module, ''.join(word.title() for word in name.split('_')))


@pytest.mark.parametrize('name', NODE_PARAMETERS)
def test_node_declares_its_table(ros, tmp_path, name):
    values = dict(OVERRIDES.get(name, {}))
    if name == 'media_node':
        soundfile.write(tmp_path / 'a.wav', np.zeros(1600), 16000)
        values['source'] = str(tmp_path / 'a.wav')
    known = {field.name for field in fields_of(name)}
    given = [Parameter(key, value=value) for key, value in values.items() if key in known]
    node = class_of(importlib.import_module(f'minicpmo_ros.{name}'), name)(
        parameter_overrides=given
    )
    try:
        declared = set(node.list_parameters([], 0).names)
    finally:
        node.destroy_node()
    declared = {key for key in declared - OF_ROS if not key.startswith('qos_overrides')}
    assert declared == known


def test_table_covers_the_node_set():
    assert {entry.executable for entry in ASSISTANT.nodes} == set(NODE_PARAMETERS)
