# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure the way of a piece of speech: begin of publishing to its place in the playback queue.

A process in the place of the inference node publishes pieces of one second at 24 kHz; this process
runs the audio device node (without a sound card) with its own executor. Compared with the plain
way in the same run: a numpy array assigned to the field.

python -m benchmarks.speech_path [--pieces 100] [--record]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

from benchmarks.measurement import print_and_record, summary

SAMPLE_RATE = 24000
PIECE = SAMPLE_RATE
# Pieces come about once a second; faster here, but never while one is on its way [s].
PERIOD = 0.05


def publish(pieces: int, way: str) -> None:
    """Be the inference node."""
    import rclpy

    from minicpmo_ros import qos
    from minicpmo_ros.message_bytes import byte_array, to_int16
    from minicpmo_ros.msg import SpeechChunk

    rclpy.init()
    node = rclpy.create_node('speaker')
    publisher = node.create_publisher(SpeechChunk, 'speech', qos.STREAM)
    while publisher.get_subscription_count() == 0:
        time.sleep(0.05)
    time.sleep(0.5)
    samples = to_int16(np.random.default_rng(0).normal(0, 0.1, PIECE).astype(np.float32))
    times = []
    for index in range(pieces):
        begun = time.time_ns()
        times.append(begun)
        message = SpeechChunk(turn_id=1, epoch=1, index=index, sample_rate=SAMPLE_RATE, channels=1)
        message.sample_format = 'S16LE'
        message.data = byte_array(samples) if way == 'array' else samples.view(np.uint8)
        publisher.publish(message)
        time.sleep(PERIOD)
    print(json.dumps(times))
    time.sleep(0.5)
    rclpy.shutdown()


def measure(pieces: int, way: str) -> np.ndarray:
    """Return the time of every piece from the begin of publishing to the queue [s]."""
    import rclpy
    from rclpy.parameter import Parameter

    from minicpmo_ros.audio_device_node import AudioDeviceNode
    from minicpmo_ros.sound_device.playback_queue import PlaybackQueue

    rclpy.init()
    push, receive = PlaybackQueue.push, []

    def on_push(queue: PlaybackQueue, piece: object) -> None:
        push(queue, piece)
        receive.append(time.time_ns())

    PlaybackQueue.push = on_push
    node = AudioDeviceNode(parameter_overrides=[Parameter('device', value='none')])
    command = [sys.executable, '-m', 'benchmarks.speech_path', '--pieces', str(pieces)]
    speaker = subprocess.Popen([*command, '--speaker', way], stdout=subprocess.PIPE, text=True)
    while speaker.poll() is None:
        rclpy.spin_once(node, timeout_sec=0.1)
    PlaybackQueue.push = push
    times = json.loads(speaker.stdout.read())
    node.destroy_node()
    rclpy.shutdown()
    if len(receive) != pieces:
        raise SystemExit(f'{len(receive)} of {pieces} pieces arrived')
    return (np.array(receive) - np.array(times)) / 1e9


def main() -> None:
    """Measure both ways and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--pieces', type=int, default=100)
    parser.add_argument('--record', action='store_true', help='write results/speech_path.json')
    parser.add_argument('--speaker', choices=('array', 'numpy'), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.speaker:
        publish(options.pieces, options.speaker)
        return
    os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    names = {'array': 'array.array in the field', 'numpy': 'plain way: numpy in the field'}
    rows = {name: summary(measure(options.pieces, way) * 1e3, 'ms') for way, name in names.items()}
    print_and_record('speech_path', rows, options.record)


if __name__ == '__main__':
    main()
