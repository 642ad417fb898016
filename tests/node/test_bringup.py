# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Node sets in processes: start, end, crash, leftovers."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest

from minicpmo_ros.bringup import Bringup
from minicpmo_ros.node_table import ASSISTANT, LaunchArgument, NodeEntry, NodeSet

ROOT = Path(__file__).resolve().parents[2]
SLIM = {'use_audio_devices': 'false', 'use_bridge': 'false', 'use_events': 'false'}


@pytest.fixture
def parameter_file(tmp_path):
    path = tmp_path / 'test.yaml'
    path.write_text(
        '/**/inference_node:\n  ros__parameters:\n    backend: tests.node.scripted_backend:load\n'
    )
    return str(path)


def wait_for(lines, text, timeout=30.0):
    end = time.monotonic() + timeout
    while not any(text in line for line in lines):
        assert time.monotonic() < end, f'no line with {text!r} in {lines}'
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_set_starts_and_ends_without_force(ros_domain, parameter_file):
    lines = []
    given = {**SLIM, 'params_file': parameter_file}
    with Bringup(ASSISTANT, given, lines.append) as bringup:
        wait_for(lines, 'is ready')
        assert [p.name for p in bringup.processes] == ['perception_node', 'inference_node']
        pids = [process.pid for process in bringup.processes]
    assert [p.exit_code for p in bringup.processes] == [0, 0]
    assert not any(alive(pid) for pid in pids)
    assert all(line.startswith(('[perception_node]', '[inference_node]')) for line in lines)


def test_first_crash_ends_the_set_with_its_reason(ros_domain, parameter_file):
    lines = []
    given = {**SLIM, 'params_file': parameter_file, 'media': '/no/such/file.mp4'}
    with Bringup(ASSISTANT, given, lines.append) as bringup:
        ended = bringup.wait()
        assert ended.name == 'media_node' and ended.exit_code == 1
        assert 'does not exist' in ended.last_line
    assert all(process.exit_code is not None for process in bringup.processes)


def test_nodes_die_with_a_killed_bringup(ros_domain, parameter_file):
    command = [sys.executable, '-m', 'minicpmo_ros.bringup', f'params_file:={parameter_file}']
    command += [f'{name}:={value}' for name, value in SLIM.items()]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    children = []
    for line in parent.stdout:
        if 'is ready' in line:
            children = Path(f'/proc/{parent.pid}/task/{parent.pid}/children').read_text().split()
            break
    assert len(children) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait(5.0)
    parent.stdout.close()
    end = time.monotonic() + 20.0
    while any(alive(int(child)) for child in children):
        assert time.monotonic() < end, 'nodes outlive their bring-up'
        time.sleep(0.05)


def test_hanging_node_is_killed(ros_domain):
    stubborn = NodeSet('test', '', (LaunchArgument('a', '', ''),), (NodeEntry('stubborn'),))
    lines = []
    code = 'import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); '
    code += 'print("up", flush=True); time.sleep(60)'

    class StubbornBringup(Bringup):
        def _command(self, entry, default_file):
            return [sys.executable, '-c', code]

    with StubbornBringup(stubborn, {}, lines.append) as bringup:
        wait_for(lines, 'up')
    assert bringup.processes[0].exit_code == -signal.SIGKILL


def test_command_line_reports_mistakes():
    command = [sys.executable, '-m', 'minicpmo_ros.bringup', 'colour:=red']
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert result.returncode == 2 and 'unknown argument' in result.stderr
