# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Count the raw camera frames that survive the way from one process to another.

A camera process publishes 180 frames at 30 Hz with the sensor data profile (best effort, depth
5); a reader process with the default executor counts them. Compared are the default settings of
Fast DDS with the profile this package ships (config/fastdds.xml), and the field filled by
``array.array`` with a numpy array assigned.

python -m benchmarks.transport [--frames 180] [--record]
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.measurement import print_and_record, summary

RATE = 30.0
SIZES = {'640x480': (480, 640), '1920x1080': (1080, 1920)}
PROFILE = Path(__file__).parents[1] / 'config' / 'fastdds.xml'
VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
# How long the reader waits for frames on their way after the last one was sent [s].
GRACE = 2.0


def publish(height: int, width: int, way: str, frames: int) -> None:
    """Be the camera: publish frames on time and print how long each took to publish [s]."""
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image

    from minicpmo_ros.message_bytes import byte_array

    rclpy.init()
    node = rclpy.create_node('camera')
    publisher = node.create_publisher(Image, 'image', qos_profile_sensor_data)
    while publisher.get_subscription_count() == 0:
        time.sleep(0.05)
    time.sleep(0.5)
    pixels = np.random.default_rng(0).integers(0, 255, height * width * 3, np.uint8)
    message = Image(height=height, width=width, encoding='rgb8', step=width * 3)
    durations = []
    begin, used = time.monotonic(), time.process_time()
    for number in range(frames):
        time.sleep(max(begin + number / RATE - time.monotonic(), 0))
        before = time.perf_counter()
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(time.time_ns(), 10**9)
        message.data = byte_array(pixels) if way == 'array' else pixels
        publisher.publish(message)
        durations.append(time.perf_counter() - before)
    seconds = time.monotonic() - begin
    share = (time.process_time() - used) / seconds
    print(json.dumps({'durations': durations, 'seconds': seconds, 'processor': share}))
    time.sleep(GRACE / 2)
    rclpy.shutdown()


def receive(frames: int) -> None:
    """Be the reader: print the age of every frame on arrival [s]."""
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image

    rclpy.init()
    node = rclpy.create_node('reader')
    ages: list[float] = []
    last = [time.monotonic() + 30.0]

    def on_frame(message: Image) -> None:
        stamp = message.header.stamp
        ages.append(time.time() - stamp.sec - stamp.nanosec / 1e9)
        last[0] = time.monotonic()

    node.create_subscription(Image, 'image', on_frame, qos_profile_sensor_data)
    print('ready', flush=True)
    while len(ages) < frames and time.monotonic() - last[0] < GRACE + 5.0:
        if sys.stdin in _readable() and not sys.stdin.readline():
            break  # the camera is done
        rclpy.spin_once(node, timeout_sec=0.1)
    print(json.dumps({'ages': ages}))
    rclpy.shutdown()


def _readable() -> list[Any]:
    import select

    return select.select([sys.stdin], [], [], 0)[0]


def measure(size: str, profile: bool, way: str, frames: int) -> dict[str, Any]:
    """Run one camera and one reader and return what arrived."""
    environment = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    environment['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
    environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    if profile:
        environment |= dict.fromkeys(VARIABLES, str(PROFILE))
    command = [sys.executable, '-m', 'benchmarks.transport', '--frames', str(frames)]
    options: dict[str, Any] = {'env': environment, 'stdout': subprocess.PIPE, 'text': True}
    reader = subprocess.Popen([*command, '--role', 'reader'], stdin=subprocess.PIPE, **options)
    reader.stdout.readline()
    camera = subprocess.run(
        [*command, '--role', 'camera', '--size', size, '--way', way], check=True, **options
    )
    time.sleep(GRACE)
    output, _ = reader.communicate(timeout=60)
    sent = json.loads(camera.stdout)
    ages = json.loads(output)['ages']
    return {
        'size': size,
        'profile': 'shipped' if profile else 'default',
        'way': way,
        'sent': frames,
        'received': len(ages),
        'frames per second sent': round(frames / sent['seconds'], 1),
        'camera processor [% of a core]': round(100 * sent['processor'], 1),
        'age': summary(np.array(ages or [np.nan]) * 1e3, 'ms'),
        'publish': summary(np.array(sent['durations']) * 1e3, 'ms'),
    }


def main() -> None:
    """Run every case and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--frames', type=int, default=180)
    parser.add_argument('--record', action='store_true', help='write results/transport.json')
    parser.add_argument('--role', choices=('camera', 'reader'), help=argparse.SUPPRESS)
    parser.add_argument('--size', choices=SIZES, help=argparse.SUPPRESS)
    parser.add_argument('--way', choices=('array', 'numpy'), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role == 'camera':
        publish(*SIZES[options.size], options.way, options.frames)
    elif options.role == 'reader':
        receive(options.frames)
    else:
        run(options.frames, options.record)


def run(frames: int, record: bool) -> None:
    """Measure all cases side by side in this run."""
    cases = [(size, profile, 'array') for size in SIZES for profile in (False, True)]
    cases += [(size, True, 'numpy') for size in SIZES]
    results, rows = [], {}
    for size, profile, way in cases:
        # Assigning numpy arrays is so slow that fewer frames say enough.
        count = frames if way == 'array' else frames // 6
        result = measure(size, profile, way, count)
        results.append(result)
        title = f'{size} {result["profile"]} profile, {way}'
        print(f'{title}: received {result["received"]} of {result["sent"]}', flush=True)
        rows[f'{title}: age on arrival'] = result['age']
        rows[f'{title}: publish()'] = result['publish']
    print_and_record('transport', rows, record, cases=results)


if __name__ == '__main__':
    main()
