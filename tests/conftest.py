# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures shared by all tests."""

from collections.abc import Iterator
import os
from pathlib import Path
import shutil
import subprocess
import time

import pytest

ROOM = Path(__file__).parent / 'data' / 'room_without_sound_card.pa'


@pytest.fixture(scope='session')
def ros_domain() -> Iterator[int]:
    """Yield a DDS domain of this test process alone; nothing leaves this machine."""
    domain = 1 + os.getpid() % 100
    os.environ['ROS_DOMAIN_ID'] = str(domain)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    yield domain


@pytest.fixture
def ros(ros_domain: int) -> Iterator[None]:
    """Initialise rclpy for one test."""
    rclpy = pytest.importorskip('rclpy', reason='needs ROS 2: make setup')
    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture
def sound_server(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of a sound server with a loudspeaker and a microphone in one room."""
    for program in ('pulseaudio', 'paplay', 'espeak-ng'):
        assert shutil.which(program), f'{program} is missing: make setup'
    environment = {
        **os.environ,
        'XDG_RUNTIME_DIR': str(tmp_path),
        'HOME': str(tmp_path),
        'PULSE_RUNTIME_PATH': str(tmp_path / 'pulse'),
        'OMP_NUM_THREADS': '1',
    }
    environment.pop('PULSE_SERVER', None)
    process = subprocess.Popen(
        [
            'pulseaudio',
            '-n',
            '-F',
            str(ROOM),
            '--exit-idle-time=-1',
            '--daemonize=no',
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(100):
        if subprocess.run(['pactl', 'info'], env=environment, capture_output=True).returncode == 0:
            break
        time.sleep(0.1)
    else:
        process.kill()
        pytest.fail('the sound server did not start')
    yield environment
    process.terminate()
    process.wait(10)


SLOW_FOLDERS = {'node', 'demo', 'speech'}
SLOW_FILES = {
    *('test_check.py', 'test_token_map.py', 'test_recipe.py', 'test_evaluate.py'),
    *('test_simulation.py', 'test_virtual_sound_card.py', 'test_bridge_node.py'),
    *('test_mqtt_bridge.py', 'test_half_duplex.py', 'test_script.py'),
}
SLOW_TESTS = {'test_two_thousand_units_keep_memory_and_work_constant'}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes seconds (DDS, processes, whole models) as slow: make check leaves it out."""
    for item in items:
        name = item.name.split('[')[0]
        slow = item.path.parent.name in SLOW_FOLDERS or item.path.name in SLOW_FILES
        if slow or name in SLOW_TESTS:
            item.add_marker(pytest.mark.slow)
