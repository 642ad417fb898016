# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files that must agree with each other."""

import os
from pathlib import Path
import re
import xml.etree.ElementTree as ElementTree

import pytest
import yaml

import minicpmo
import minicpmo_ros
from minicpmo_ros.node_table import NODE_SETS, NodeSet
from minicpmo_ros.parameter import build
from minicpmo_ros.parameter_table import NODE_PARAMETERS, fields_of, markdown

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = [(s, e) for s in NODE_SETS.values() for e in s.nodes]


def test_versions_are_equal():
    package = ElementTree.parse(ROOT / 'package.xml').findtext('version')
    setup = re.search(r"version='([^']+)'", (ROOT / 'setup.py').read_text()).group(1)
    changelog = re.search(r'^## (\S+)', (ROOT / 'CHANGELOG.md').read_text(), re.M).group(1)
    assert {package, setup, changelog} == {minicpmo_ros.__version__}
    assert minicpmo.__version__ == minicpmo_ros.__version__


def test_license_is_the_stated_one():
    assert 'Apache License' in (ROOT / 'LICENSE').read_text()
    assert ElementTree.parse(ROOT / 'package.xml').findtext('license') == 'Apache-2.0'


def test_every_message_dependency_is_declared():
    used = set()
    for path in (ROOT / 'msg').glob('*.msg'):
        used |= set(re.findall(r'^([a-z_]+)/[A-Z]\w+', path.read_text(), re.M))
    declared = {e.text for e in ElementTree.parse(ROOT / 'package.xml').iter('depend')}
    assert used <= declared
    assert all(f' {name}' in (ROOT / 'CMakeLists.txt').read_text() for name in used)


@pytest.mark.parametrize('entry', [e for _, e in ENTRIES], ids=lambda e: e.executable)
def test_every_node_has_starter_module_and_parameters(entry):
    starter = ROOT / 'scripts' / entry.executable
    assert os.access(starter, os.X_OK)
    assert f'from {entry.module} import main' in starter.read_text()
    assert (ROOT / 'minicpmo_ros' / f'{entry.executable}.py').is_file()
    known = {field.name for field in fields_of(entry.executable)}
    assert set(entry.parameters) <= known


@pytest.mark.parametrize('node_set', NODE_SETS.values(), ids=lambda s: s.name)
def test_node_table_names_its_own_arguments(node_set: NodeSet):
    names = {argument.name for argument in node_set.arguments}
    for entry in node_set.nodes:
        used = {*entry.parameters.values(), *entry.remappings.values()}
        assert used | ({entry.condition} - {''}) <= names
    assert all(argument.description for argument in node_set.arguments)


@pytest.mark.parametrize('name', ['assistant', 'monitor'])
def test_shipped_parameter_files_are_valid(name):
    document = yaml.safe_load((ROOT / 'config' / f'{name}.yaml').read_text())
    started = {entry.executable for entry in NODE_SETS[name].nodes}
    for key, section in document.items():
        node = key.removeprefix('/**/')
        assert node in started
        values = section['ros__parameters']
        for parameters in NODE_PARAMETERS[node]:
            own = {f.name for f in fields_of(node)} & set(values)
            fitting = {n: values[n] for n in own if n in _names(parameters)}
            build(parameters, fitting)
        assert set(values) <= {field.name for field in fields_of(node)}


def test_parameter_documentation_is_made_from_the_code():
    assert (ROOT / 'docs' / 'parameters.md').read_text() == markdown()


def test_every_make_target_in_the_documents_exists():
    makefile = (ROOT / 'Makefile').read_text()
    targets = set(re.findall(r'^([a-z]+):', makefile, re.M))
    for path in [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')]:
        named = set(re.findall(r'`make ([a-z]+)', path.read_text()))
        named |= set(re.findall(r'^make ([a-z]+)', path.read_text(), re.M))
        assert named <= targets, path.name


def test_every_module_named_in_the_documents_can_be_run():
    for path in [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')]:
        for module in set(
            re.findall(r'python -m ((?:minicpmo|training)[\w.]*)', path.read_text())
        ):
            base = ROOT / 'model' if module.split('.')[0] == 'minicpmo' else ROOT
            file = base.joinpath(*module.split('.'))
            runnable = file.with_suffix('.py').is_file() or (file / '__main__.py').is_file()
            assert runnable, f'{path.name} names {module}'


def test_every_linked_file_exists():
    for path in [ROOT / 'README.md', *(ROOT / 'docs').glob('*.md')]:
        for link in re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)', path.read_text()):
            assert (path.parent / link).exists(), f'{path.name} links to {link}'


def _names(parameters: type) -> set[str]:
    from minicpmo_ros.parameter import parameter_fields

    return {field.name for field in parameter_fields(parameters)}
