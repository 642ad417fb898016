# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure the perception node with a raw 1080p camera at 30 Hz and a microphone at 16 kHz.

Three processes: a source, the node under test, and this one, which reads the units. Measured are
the time from the end of a unit (the moment of its last sample) to its arrival here, processor
time, memory and backlog. The plain way (benchmarks/plain_perception.py) is measured in the same
run.

python -m benchmarks.perception [--seconds 60] [--record]
"""

from __future__ import annotations

import argparse
from contextlib import contextmanager
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np

from benchmarks.measurement import print_and_record, summary
from benchmarks.process_usage import processor_seconds, resident_bytes
from minicpmo_ros.transport import profile_variables

HEIGHT, WIDTH, FRAME_RATE = 1080, 1920, 30.0
SAMPLE_RATE = 16000
ROOT = Path(__file__).parents[1]
NODES = {
    'perception node': 'minicpmo_ros.perception_node',
    'plain way': 'benchmarks.plain_perception',
}
# Units until caches are warm and discovery is over.
WARM_UP = 5.0


def set_environment() -> None:
    """Give this process and its children one DDS domain and the shipped profile."""
    os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ.update(profile_variables(os.environ, ROOT))


def be_source(block: int) -> None:
    """Publish camera and microphone on time until SIGTERM."""
    from audio_common_msgs.msg import AudioDataStamped, AudioInfo
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from rclpy.signals import SignalHandlerOptions
    from sensor_msgs.msg import Image

    from minicpmo_ros import qos
    from minicpmo_ros.message_bytes import byte_array

    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('source')
    camera = node.create_publisher(Image, 'image', qos_profile_sensor_data)
    audio = node.create_publisher(AudioDataStamped, 'audio', qos.MICROPHONE)
    info = node.create_publisher(AudioInfo, 'audio_info', qos.AUDIO_INFO_PUBLISHER)
    description = AudioInfo(
        channels=1, sample_rate=SAMPLE_RATE, sample_format='S16LE', coding_format='wave'
    )
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.stack((x % 256, y % 256, (x + y) % 256), axis=2).astype(np.uint8)
    frame = Image(height=HEIGHT, width=WIDTH, encoding='rgb8', step=WIDTH * 3)
    frame.data = byte_array(pixels)
    sound = AudioDataStamped()
    noise = np.random.default_rng(0).normal(0, 300, block).astype(np.int16)
    sound.audio.data = byte_array(noise)
    begin = time.time()

    def stamp(message: Any, seconds: float) -> Any:
        message.header.stamp.sec = int(seconds)
        message.header.stamp.nanosec = int(seconds % 1 * 1e9)
        return message

    def film() -> None:
        number = 0
        while rclpy.ok():
            time.sleep(max(begin + number / FRAME_RATE - time.time(), 0))
            camera.publish(stamp(frame, time.time()))
            number += 1

    threading.Thread(target=film, daemon=True).start()
    number = 0
    while rclpy.ok():
        # A block can be sent when its last sample was heard.
        time.sleep(max(begin + (number + 1) * block / SAMPLE_RATE - time.time(), 0))
        audio.publish(stamp(sound, begin + number * block / SAMPLE_RATE))
        if number % 50 == 0:
            info.publish(description)
        number += 1


@contextmanager
def process(*command: str) -> Any:
    """Run a Python module for as long as the context lasts."""
    running = subprocess.Popen([sys.executable, '-m', *command])
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()


def measure(module: str, block: int, seconds: float) -> dict[str, Any]:
    """Run source and node and return what was measured of the units."""
    import rclpy

    from minicpmo_ros import qos
    from minicpmo_ros.msg import OmniUnit

    rclpy.init()
    node = rclpy.create_node('observer')
    delays: list[float] = []
    pictures: list[int] = []
    silence: list[float] = []

    def on_unit(unit: OmniUnit) -> None:
        delays.append(time.time() - unit.audio_end.sec - unit.audio_end.nanosec / 1e9)
        pictures.append(len(unit.images))
        silence.append(unit.inserted_silence.sec + unit.inserted_silence.nanosec / 1e9)

    node.create_subscription(OmniUnit, 'omni_unit', on_unit, qos.STREAM)

    def spin(duration: float) -> None:
        end = time.monotonic() + duration
        while time.monotonic() < end:
            rclpy.spin_once(node, timeout_sec=0.1)

    with (
        process(module) as tested,
        process('benchmarks.perception', '--source', '--block', str(block)),
    ):
        spin(WARM_UP)
        delays.clear(), pictures.clear(), silence.clear()
        used, memory = processor_seconds(tested.pid), resident_bytes(tested.pid)
        begin = time.monotonic()
        spin(seconds)
        elapsed = time.monotonic() - begin
        share = (processor_seconds(tested.pid) - used) / elapsed
        growth = resident_bytes(tested.pid) - memory
    node.destroy_node()
    rclpy.shutdown()
    values = np.array(delays or [np.nan]) * 1e3
    return {
        'delay': summary(values, 'ms'),
        'units': len(delays),
        'units expected': int(seconds),
        'units with a picture': int(np.count_nonzero(pictures)),
        'silence put in [s]': float(np.sum(silence)),
        'processor [% of a core]': round(100 * share, 1),
        'memory [MB]': round(memory / 1e6, 1),
        'memory growth [MB]': round(growth / 1e6, 1),
        'delay of the last units [ms]': float(np.median(values[-5:])),
    }


def main() -> None:
    """Measure both nodes and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=float, default=60.0, help='per node')
    parser.add_argument('--block', type=int, default=320, help='samples per sound message')
    parser.add_argument('--record', action='store_true', help='write results/perception.json')
    parser.add_argument('--source', action='store_true', help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.source:
        be_source(options.block)
        return
    set_environment()
    rows, results = {}, {}
    for name, module in NODES.items():
        results[name] = measure(module, options.block, options.seconds)
        rows[f'{name}: end of unit to its arrival'] = results[name].pop('delay')
        for key, value in results[name].items():
            print(f'{name}: {key}: {value}', flush=True)
    name = 'perception' if options.block == 320 else f'perception_block_{options.block}'
    print_and_record(name, rows, options.record, results=results)


if __name__ == '__main__':
    main()
