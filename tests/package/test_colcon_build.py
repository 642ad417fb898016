# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The package builds with colcon from a clean copy, and what it installs works by itself."""

import os
from pathlib import Path
import shutil
import subprocess
import sys

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    *('package.xml', 'CMakeLists.txt', 'cmake', 'msg', 'scripts', 'config', 'launch'),
    *('minicpmo_ros', 'model/minicpmo'),
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def workspace(tmp_path_factory):
    """A copy of the sources, built."""
    root = tmp_path_factory.mktemp('workspace')
    for part in PARTS:
        source, target = ROOT / part, root / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copyfile(source, target)
    for empty in ('media', 'model/nano'):
        (root / empty).mkdir()
    command = [sys.executable, str(root / 'scripts' / 'build_workspace.py')]
    result = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    return root


def run_installed(root: Path, *command: str) -> subprocess.CompletedProcess:
    """Run a command with the environment of the installation alone, outside of any checkout."""
    install = root / 'install'
    packages = next(install.glob('l*/**/python3*/*-packages'))
    environment = {
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        'HOME': str(root),
        'PYTHONPATH': str(packages),
        'AMENT_PREFIX_PATH': f'{install}:{sys.prefix}',
        'LD_LIBRARY_PATH': f'{install}/lib',
        # Tells the start-up hook of this virtual environment that another workspace is active.
        '_MINICPMO_WORKSPACE': str(ROOT / 'install'),
    }
    return subprocess.run(
        command, cwd='/', env=environment, capture_output=True, text=True, timeout=120
    )


def test_messages_and_modules_come_from_the_installation(workspace):
    code = (
        'import minicpmo, minicpmo_ros.node_table, minicpmo_ros.msg as m, audio_common_msgs.msg; '
        'from rclpy.serialization import serialize_message as s, deserialize_message as d; '
        'unit = m.OmniUnit(unit_index=7); unit.audio = [1, 2]; '
        'assert d(s(unit), m.OmniUnit) == unit; '
        'print(minicpmo_ros.__file__, m.__file__, minicpmo.__file__)'
    )
    result = run_installed(workspace, sys.executable, '-c', code)
    assert result.returncode == 0, result.stderr
    assert all(path.startswith(str(workspace / 'install')) for path in result.stdout.split())


def test_installed_starter_finds_its_share_folder(workspace):
    starter = workspace / 'install' / 'lib' / 'minicpmo_ros' / 'minicpmo-assistant'
    result = run_installed(workspace, str(starter), '--show-args')
    assert result.returncode == 0, result.stderr
    assert "'model_path':" in result.stdout
    share = workspace / 'install' / 'share' / 'minicpmo_ros'
    code = 'from minicpmo_ros.installation import share_folder; print(share_folder())'
    result = run_installed(workspace, sys.executable, '-c', code)
    assert result.stdout.strip() == str(share)
    for name in ('launch/assistant.launch.py', 'config/fastdds.xml', 'package.xml'):
        assert (share / name).is_file(), name


def test_second_build_has_nothing_to_do(workspace):
    command = [sys.executable, str(workspace / 'scripts' / 'build_workspace.py')]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and 'up to date' in result.stdout
