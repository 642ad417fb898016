# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The launch files: with the real launch package where there is one, else with a stand-in."""

import importlib.util
from pathlib import Path
import sys
import types

import pytest

from minicpmo_ros.node_table import NODE_SETS

ROOT = Path(__file__).resolve().parents[2]


def has_launch() -> bool:
    # Our own folder launch/ looks like a package without files; the real one has modules.
    try:
        return importlib.util.find_spec('launch.actions') is not None
    except ModuleNotFoundError:
        return False


class Recorded:
    """Remembers how it was made."""

    def __init__(self, *arguments, **options):
        self.arguments = arguments
        self.options = options


def stand_in(monkeypatch) -> None:
    """Put modules with the names used by our launch files into sys.modules."""
    launch = types.ModuleType('launch')
    launch.LaunchDescription = type('LaunchDescription', (Recorded,), {})
    launch.LaunchContext = type('LaunchContext', (Recorded,), {})
    actions = types.ModuleType('launch.actions')
    for name in ('DeclareLaunchArgument', 'OpaqueFunction', 'SetEnvironmentVariable', 'Shutdown'):
        setattr(actions, name, type(name, (Recorded,), {}))
    launch_ros = types.ModuleType('launch_ros')
    ros_actions = types.ModuleType('launch_ros.actions')
    ros_actions.Node = type('Node', (Recorded,), {})
    modules = {'launch': launch, 'launch.actions': actions, 'launch_ros': launch_ros}
    for name, module in {**modules, 'launch_ros.actions': ros_actions}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, 'minicpmo_ros.launch_description', raising=False)


def load(name: str):
    path = ROOT / 'launch' / f'{name}.launch.py'
    spec = importlib.util.spec_from_file_location(f'{name}_launch', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


@pytest.mark.parametrize('name', sorted(NODE_SETS))
def test_launch_file_starts_the_node_table(name, monkeypatch):
    stand_in(monkeypatch)
    entities = load(name).arguments[0]
    declared = {e.arguments[0]: e.options for e in entities if 'Declare' in type(e).__name__}
    table = NODE_SETS[name]
    assert list(declared) == [argument.name for argument in table.arguments]
    assert all(options['description'] for options in declared.values())
    start = next(e for e in entities if type(e).__name__ == 'OpaqueFunction')
    values = {name: options['default_value'] for name, options in declared.items()}
    context = types.SimpleNamespace(launch_configurations={**values, 'namespace': 'robot'})
    nodes = start.options['function'](context)
    wanted = [e.executable for e in table.nodes if e.is_wanted(values)]
    assert [node.options['executable'] for node in nodes] == wanted
    assert all('__ns:=/robot' in node.options['arguments'] for node in nodes)


@pytest.mark.skipif(not has_launch(), reason='the launch package is not installed')
@pytest.mark.parametrize('name', sorted(NODE_SETS))
def test_real_launch_accepts_the_description(name, monkeypatch):
    # An earlier test may have left the module that was made of stand-ins.
    monkeypatch.delitem(sys.modules, 'minicpmo_ros.launch_description', raising=False)
    from launch import LaunchDescription

    description = load(name)
    assert isinstance(description, LaunchDescription)
    arguments = {a.name for a in description.get_launch_arguments()}
    assert arguments == {argument.name for argument in NODE_SETS[name].arguments}
