# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``make demo LIVE=1`` with a virtual sound card, and without any device."""

from pathlib import Path
import re
import subprocess
import sys
import threading
import wave

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def run_live(output: Path, environment: dict[str, str], seconds: float) -> tuple[int, str]:
    """Return exit code and output of the live demo, which is ended if it hears nothing."""
    command = [sys.executable, '-m', 'minicpmo_ros.demo', '--live', '--output', str(output)]
    process = subprocess.Popen(
        [*command, '--seconds', str(seconds)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    ending = threading.Timer(seconds + 50, process.terminate)
    ending.start()
    printed, _ = process.communicate(timeout=seconds + 100)
    ending.cancel()
    return process.returncode, printed


def talk(environment: dict[str, str], folder: Path, stop: threading.Event) -> None:
    """Greet the robot every five seconds."""
    path = folder / 'hello.wav'
    subprocess.run(['espeak-ng', '-v', 'en-us', '-w', str(path), 'Hello robot.'], check=True)
    while not stop.wait(5.0):
        subprocess.run(['paplay', '--device=room', str(path)], env=environment, check=False)


def test_live_demo_hears_and_shows_what_happens(sound_server, tmp_path, ros_domain):
    """Every second of the microphone becomes a unit; sound and page are left behind."""
    output, stop = tmp_path / 'live', threading.Event()
    talking = threading.Thread(target=talk, args=(sound_server, tmp_path, stop))
    talking.start()
    try:
        code, printed = run_live(output, sound_server, 12)
    finally:
        stop.set()
        talking.join()
    assert code == 0, printed
    units = re.search(r'(\d+)  units', printed)
    assert units and int(units[1]) >= 12, printed
    with wave.open(str(output / 'conversation.wav')) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16).reshape(-1, 2)
    assert np.abs(samples[:, 0]).max() > 1000
    assert (output / 'timeline.html').stat().st_size > 10_000


def test_live_demo_without_a_sound_card_says_what_is_missing(tmp_path, ros_domain):
    """The demo keeps looking for a device, and says so."""
    parameters = tmp_path / 'parameters.yaml'
    parameters.write_text(
        '/**/audio_device_node:\n  ros__parameters:\n    input_device: nowhere to be found\n'
    )
    command = [sys.executable, '-m', 'minicpmo_ros.demo', '--live']
    command += ['--output', str(tmp_path / 'live'), f'params_file:={parameters}']
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    ending = threading.Timer(60, process.terminate)
    ending.start()
    problem = next((line for line in process.stdout if 'problem' in line), '')
    process.terminate()
    process.communicate(timeout=30)
    ending.cancel()
    assert 'audio_device_node' in problem and 'still looking' in problem
