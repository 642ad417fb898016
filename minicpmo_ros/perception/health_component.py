# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Diagnostics of the perception node: streams, units and messages that could not be used."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from minicpmo_ros.diagnostics import Level, Status

from .unit_aligner import SAMPLE_RATE

if TYPE_CHECKING:
    from minicpmo_ros.perception_node import PerceptionNode

LEVEL_SECONDS = 1.0


class HealthComponent:
    """Reads the counters of a perception node once a second."""

    def __init__(self, node: PerceptionNode) -> None:
        self._node = node
        self._level = math.nan
        self._measured = 0.0
        self._last_time = time.monotonic()
        self._last = {'frames': 0, 'samples': 0}
        self._last_gap = 0

    def measure(self, now: float) -> None:
        """Take the level of the last second; called in the thread that owns the stream."""
        if now - self._measured >= LEVEL_SECONDS:
            self._measured = now
            self._level = self._node.pipeline.microphone.take_level()

    def collect(self) -> list[Status]:
        """Return the state of camera, microphone, units and messages."""
        now = time.monotonic()
        elapsed, self._last_time = max(now - self._last_time, 1e-3), now
        statuses = []
        if self._node.camera is not None:
            statuses.append(self._camera(elapsed))
        if self._node.microphone is not None:
            statuses.append(self._microphone(elapsed))
        return [*statuses, self._units(), self._messages()]

    def _rate(self, name: str, value: int, elapsed: float) -> float:
        rate = (value - self._last[name]) / elapsed
        self._last[name] = value
        return rate

    def _camera(self, elapsed: float) -> Status:
        camera, count = self._node.camera, self._node.pipeline.aligner.frames.count
        publishers = self._node.count_publishers(camera.topic)
        rate = self._rate('frames', camera.received, elapsed)
        values = {
            'topic': camera.topic,
            'frames looked at [Hz]': rate,
            'large frames are thinned out': camera.thinned,
            'publishers': publishers,
            'frames': camera.received,
            'frames used': count.used,
            'frames late': count.late,
            'frames double': count.duplicate,
            'frames in the future': count.future,
        }
        if publishers > 1:
            return Status(
                'camera', Level.WARN, f'{publishers} publishers on {camera.topic}', values
            )
        return Status('camera', *_presence(rate, camera.topic, publishers), values)

    def _microphone(self, elapsed: float) -> Status:
        microphone, pipeline = self._node.microphone, self._node.pipeline
        timeline = pipeline.aligner.audio
        publishers = self._node.count_publishers(microphone.topic)
        rate = self._rate('samples', timeline.count.received, elapsed)
        values = {
            'topic': microphone.topic,
            'rate at 16 kHz [samples/s]': rate,
            'level [dBFS]': self._level,
            'publishers': publishers,
            'drift [ppm]': timeline.clock.drift * 1e6,
            'age of stamps [s]': pipeline.stamp_age,
            'gaps': timeline.count.gaps,
            'silence put in [s]': timeline.count.gap / SAMPLE_RATE,
            'dropped [s]': timeline.count.dropped / SAMPLE_RATE,
            'jumps of time': timeline.count.jumps,
        }
        gap, self._last_gap = timeline.count.gap - self._last_gap, timeline.count.gap
        topic = microphone.topic
        if publishers > 1 or timeline.contested:
            text = f'more than one publisher on {topic}; the first one is used'
            return Status('microphone', Level.WARN, text, values)
        if rate and gap:
            return Status('microphone', Level.WARN, f'sound is missing on {topic}', values)
        return Status('microphone', *_presence(rate, topic, publishers), values)

    def _units(self) -> Status:
        node, aligner = self._node, self._node.pipeline.aligner
        delays = np.array(node.delays) if node.delays else np.full(1, math.nan)
        values: dict[str, Any] = {
            'units': aligner.units,
            'publishing after the end, median [s]': float(np.median(delays)),
            'publishing after the end, longest [s]': float(delays.max()),
            'waiting jobs': len(node.work),
            'dropped jobs': node.work.dropped,
        }
        if node.work.dropped:
            return Status('units', Level.WARN, 'too slow: messages were left out', values)
        if aligner.units == 0:
            return Status('units', Level.WARN, 'no unit yet', values)
        return Status('units', Level.OK, 'running', values)

    def _messages(self) -> Status:
        entries = self._node.rejections.entries()
        values = {f'{entry.topic} problems': entry.count for entry in entries}
        values |= {f'{entry.topic} last': entry.reason for entry in entries}
        recent = self._node.rejections.recent()
        if not recent:
            return Status('messages', Level.OK, 'all messages of the last 10 s are usable', values)
        text = '; '.join(f'{entry.topic}: {entry.reason}' for entry in recent)
        return Status('messages', Level.WARN, text, values)


def _presence(rate: float, topic: str, publishers: int) -> tuple[Level, str]:
    """Return level and words for a stream that should be there."""
    if rate:
        return Level.OK, 'running'
    if publishers:
        return Level.WARN, f'{topic} has a publisher but nothing arrives'
    return Level.WARN, f'nobody publishes {topic}'
