# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure response latency (M5) and endurance (M8) with the real model through the real nodes.

python benchmarks/conversation.py [--minutes 20] [--period 30] [--early-close off|on|alternate]

Starts the assistant without a sound card, asks it a question every half minute over the topic
``audio``, and listens to what its loudspeaker would play. With ``alternate`` every other question
is asked with ``close_on_speech_end`` of the perception node: both ways meet the same load. The
questions come at random places of a unit, for how long one waits for an answer depends on that.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Optional

from audio_common_msgs.msg import AudioDataStamped, AudioInfo
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from minicpmo_ros import qos
from minicpmo_ros.message_bytes import byte_array
from minicpmo_ros.msg import DuplexState, PlaybackStatus, UnitReport
from training.nano.voice import Voice, synthesize_many

OUTPUT = Path(__file__).parent / 'results'
RATE = 16000
BLOCK = 320  # 20 ms
NAMESPACE = 'conversation'
START_SECONDS = 180.0
# An answer that begins later than this is none [s].
ANSWER_LIMIT = 5.0
DEAF_SECONDS = 60.0
NOISE = 3e-4
VOICES = (Voice('espeak', 'en+m7'), Voice('espeak', 'en-us+f4'), Voice('flite', 'rms'))
QUESTIONS = (
    'What do you see?',
    'What is on the table?',
    'Is anybody in the room?',
    'What time of day is it?',
)


@dataclass
class Observation:
    """What was seen; times on the monotonic clock [s]."""

    question_ends: list[float] = field(default_factory=list)
    early_close: list[bool] = field(default_factory=list)  # while the question was asked
    loads: list[float] = field(default_factory=list)  # of the machine, 1 min average
    sound_begins: list[float] = field(default_factory=list)
    units: int = 0
    late_units: int = 0
    unit_times: list[float] = field(default_factory=list)
    underruns: int = 0
    last_unit: float = 0.0
    longest_silence: float = 0.0
    ready: bool = False


class Examiner(Node):
    """Plays the microphone and watches the loudspeaker."""

    def __init__(self, early_close: str) -> None:
        super().__init__('examiner', namespace=NAMESPACE)
        self.seen = Observation()
        self._early_close = early_close
        self._perception = self.create_client(SetParameters, 'perception_node/set_parameters')
        self._playing = False
        self._rendered = np.zeros(0, np.float32)
        self._number = 0
        self._random = np.random.default_rng(1)
        jobs = [(voice, text) for text in QUESTIONS for voice in VOICES]
        self._questions = [clip.astype(np.float32) / 32768.0 for clip in synthesize_many(jobs)]
        self._audio = self.create_publisher(AudioDataStamped, 'audio', qos.MICROPHONE)
        self._info = self.create_publisher(AudioInfo, 'audio_info', qos.AUDIO_INFO_PUBLISHER)
        self.create_subscription(PlaybackStatus, 'playback', self._on_playback, qos.EVENT)
        self.create_subscription(UnitReport, 'unit_report', self._on_report, qos.STREAM)
        self.create_subscription(DuplexState, 'duplex_state', self._on_state, qos.STATE)
        self._blocks = 0

    def ask(self, now: float) -> None:
        """Begin the next question."""
        lap, place = divmod(self._number, len(self._questions))
        clip = self._questions[place]
        alternate = self._early_close == 'alternate'
        early = (lap + place) % 2 == 1 if alternate else self._early_close == 'on'
        if self._early_close != 'off':
            self._set_early_close(early)
        self._number += 1
        self.seen.early_close.append(early)
        self.seen.loads.append(os.getloadavg()[0])
        self._rendered = clip
        self.seen.question_ends.append(now + clip.size / RATE)

    def _set_early_close(self, enabled: bool) -> None:
        value = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=enabled)
        parameter = ParameterMessage(name='close_on_speech_end', value=value)
        self._perception.call_async(SetParameters.Request(parameters=[parameter]))

    def send_block(self) -> None:
        """Publish 20 ms of the microphone, and once a second what the samples are."""
        if self._blocks % 50 == 0:
            self._info.publish(
                AudioInfo(
                    channels=1, sample_rate=RATE, sample_format='S16LE', coding_format='wave'
                )
            )
        self._blocks += 1
        noise = self._random.normal(0.0, NOISE, BLOCK).astype(np.float32)
        speech, self._rendered = self._rendered[:BLOCK], self._rendered[BLOCK:]
        noise[: speech.size] += speech
        message = AudioDataStamped()
        begin = self.get_clock().now().nanoseconds - BLOCK * 1_000_000_000 // RATE
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(begin, 1_000_000_000)
        message.header.frame_id = 'microphone'
        message.audio.data = byte_array((noise * 32767).astype(np.int16))
        self._audio.publish(message)

    def _on_playback(self, message: PlaybackStatus) -> None:
        if message.playing and not self._playing:
            self.seen.sound_begins.append(time.monotonic())
        self._playing = message.playing
        self.seen.underruns = message.underruns

    def _on_report(self, message: UnitReport) -> None:
        now, seen = time.monotonic(), self.seen
        if seen.last_unit:
            seen.longest_silence = max(seen.longest_silence, now - seen.last_unit)
        seen.last_unit = now
        seen.units += 1
        seen.unit_times.append(message.total_time)
        seen.late_units += message.units_behind > 0

    def _on_state(self, message: DuplexState) -> None:
        self.seen.ready = message.state in (DuplexState.LISTENING, DuplexState.SPEAKING)
        if message.state == DuplexState.ERROR:
            raise SystemExit(f'the model failed: {message.detail}')


def examine(node: Examiner, minutes: float, period: float) -> None:
    """Run the script in real time."""
    places = np.random.default_rng(2)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    give_up = time.monotonic() + START_SECONDS
    while not node.seen.ready:
        executor.spin_once(timeout_sec=0.1)
        if time.monotonic() > give_up:
            raise SystemExit(f'the model was not ready within {START_SECONDS:.0f} s')
    begun = due = time.monotonic()
    next_question = begun + 3.0
    while time.monotonic() < begun + minutes * 60.0:
        if time.monotonic() >= next_question:
            node.ask(time.monotonic())
            next_question += period + float(places.uniform(-0.5, 0.5))
        if time.monotonic() >= due:
            node.send_block()
            due += BLOCK / RATE
        executor.spin_once(timeout_sec=max(min(due - time.monotonic(), 0.01), 0.0))
    executor.shutdown()


def latencies(seen: Observation) -> list[Optional[float]]:
    """Return the response latency of every question [s], None where there was no answer."""
    result = []
    for number, end in enumerate(seen.question_ends):
        limit = end + ANSWER_LIMIT
        if number + 1 < len(seen.question_ends):
            limit = min(limit, seen.question_ends[number + 1])
        answers = [begin for begin in seen.sound_begins if end - 0.3 <= begin <= limit]
        result.append(answers[0] - end if answers else None)
    return result


def response(values: Sequence[Optional[float]]) -> dict[str, object]:
    """Return M5 of some questions."""
    answered = [value for value in values if value is not None]
    result: dict[str, object] = {'questions': len(values), 'answered': len(answered)}
    if answered:
        result['p50'] = round(float(np.percentile(answered, 50)), 3)
        result['p95'] = round(float(np.percentile(answered, 95)), 3)
        result['max'] = round(max(answered), 3)
    return result


def summary(seen: Observation, minutes: float) -> dict[str, object]:
    """Return M5, apart for both ways of ending a unit, and M8."""
    pairs = list(zip(latencies(seen), seen.early_close, strict=True))
    answers = {
        name: response([value for value, early in pairs if early == is_early])
        for name, is_early in (('full units', False), ('units closed early', True))
        if any(early == is_early for _, early in pairs)
    }
    return {
        'date': time.strftime('%Y-%m-%d', time.gmtime()),
        'minutes': minutes,
        'processors': os.cpu_count(),
        'load, median and highest': [
            round(float(np.median(seen.loads)), 1),
            round(max(seen.loads), 1),
        ],
        'M5 response latency [s]': answers,
        'M8 units': seen.units,
        'M8 late units': round(seen.late_units / max(seen.units, 1), 4),
        'M8 underruns per unit': round(seen.underruns / max(seen.units, 1), 4),
        'M8 longest time without a unit [s]': round(seen.longest_silence, 2),
        'M8 deaf minutes': int(seen.longest_silence // DEAF_SECONDS),
        'unit time p95 [s]': round(float(np.percentile(seen.unit_times or [0.0], 95)), 3),
    }


def picture(seen: Observation, path: Path) -> None:
    """Draw the response latency over the time of the session."""
    image = Image.new('RGB', (900, 320), 'white')
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    draw.text((10, 8), 'Response latency [s] of each question; red: no answer', 'black', font)
    values = latencies(seen)
    for step in range(6):
        y = 290 - step * 50
        draw.line((40, y, 890, y), '#dddddd')
        draw.text((10, y - 8), f'{step}', 'black', font)
    for number, value in enumerate(values):
        x = 50 + int(830 * number / max(len(values), 1))
        if value is None:
            draw.line((x, 40, x, 290), '#d62728')
        else:
            y = 290 - int(50 * min(max(value, 0.0), 5.0))
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), '#1f77b4')
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)


def start_assistant() -> subprocess.Popen:
    """Start all nodes without a sound card."""
    command = [sys.executable, '-m', 'minicpmo_ros.bringup', 'assistant']
    command += [f'namespace:={NAMESPACE}', 'audio_device:=none']
    return subprocess.Popen(command, start_new_session=True)


def stop(assistant: subprocess.Popen) -> None:
    """End all nodes, by force when Ctrl-C is ignored as in a background job."""
    assistant.send_signal(signal.SIGINT)
    try:
        assistant.wait(15)
    except subprocess.TimeoutExpired:
        assistant.kill()
        assistant.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--minutes', type=float, default=20.0)
    parser.add_argument('--period', type=float, default=30.0, help='between questions [s]')
    parser.add_argument('--early-close', default='alternate', choices=('off', 'on', 'alternate'))
    parser.add_argument('--output', type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    os.environ.setdefault('ROS_DOMAIN_ID', str(100 + os.getpid() % 100))
    assistant = start_assistant()
    rclpy.init()
    node = Examiner(options.early_close)
    try:
        examine(node, options.minutes, options.period)
        result = summary(node.seen, options.minutes)
    finally:
        stop(assistant)
        node.destroy_node()
        rclpy.try_shutdown()
    print(json.dumps(result, indent=1))
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / 'conversation.json').write_text(json.dumps(result, indent=1) + '\n')
    picture(node.seen, options.output / 'conversation.png')
    return 0


if __name__ == '__main__':
    sys.exit(main())
