# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One run of the demo: the observer's executor, the end of it, and the files left behind."""

from __future__ import annotations

import math
from pathlib import Path
import sys
import time
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from minicpmo_ros.demo.audio_track import microphone_track, robot_track, write_wave
from minicpmo_ros.demo.observation import Observation
from minicpmo_ros.demo.observer_node import ObserverNode, known_captions
from minicpmo_ros.demo.script import read_captions
from minicpmo_ros.demo.summary import figures
from minicpmo_ros.demo.timeline import Timeline
from minicpmo_ros.demo.timeline_file import write_page, write_picture
from minicpmo_ros.demo.transcript import Transcript

QUIET_SECONDS = 3.0
MARKS = '▶ speaks   ★ speaks unasked   ‖ holds its voice   ■ interrupted   · listens\n'
# How long one call of ``step`` looks for messages [s].
STEP_SECONDS = 0.1


class DemoSession:
    """Watches a node set that somebody else starts and ends."""

    def __init__(self, options: Any) -> None:
        self._options = options
        media = Path(options.media)
        captions = known_captions(read_captions(media), options.start)
        title = f'minicpmo_ros: {media.name or "live"}'
        model = Path(options.model).name or 'nano'
        self._observation = Observation(captions=captions, title=title, model=model)
        _print(f'{title}, model {model}; loading ... (Ctrl-C ends the demo)')
        _print(MARKS)
        self._transcript = Transcript(_print, colour=sys.stdout.isatty(), captions=captions)
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        from minicpmo_ros.demo.__main__ import NAMESPACE

        namespace = options.extra.get('namespace', NAMESPACE)
        self._node = ObserverNode(namespace, options.output, self._transcript, self._observation)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)

    @property
    def failure(self) -> str:
        """Return why the assistant cannot run, empty while it can."""
        return self._node.failure

    def step(self) -> bool:
        """Look at new messages; return whether the run is over."""
        end = time.monotonic() + STEP_SECONDS
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.02)
            self._node.say_captions()
        if self._node.failure:
            return True
        quiet = time.monotonic() - self._node.last_activity > QUIET_SECONDS
        return quiet and (self._node.media_finished or self._reached_limit())

    def finish(self) -> None:
        """Close the recording and write sound, picture and page."""
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown()
        if not self._observation.units:
            _print('no unit was processed; see nodes.log')
            return
        output = self._options.output
        robot = robot_track(self._observation)
        write_wave(output / 'robot.wav', robot)
        write_wave(output / 'conversation.wav', microphone_track(self._observation), robot)
        timeline = Timeline(self._observation)
        write_picture(output / 'timeline.png', timeline)
        write_page(output / 'timeline.html', timeline)
        _print('')
        for figure in figures(self._observation):
            _print(f'{figure.value:>16}  {figure.label}')
        _print('')
        _print(f'wrote {output}/timeline.html, timeline.png, conversation.wav, robot.wav,')
        _print(f'      {output}/events.jsonl, recording.mcap, nodes.log')

    def _reached_limit(self) -> bool:
        limit = self._options.seconds or math.inf
        return self._observation.seconds >= limit


def _print(line: str) -> None:
    print(line, flush=True)
