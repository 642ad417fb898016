# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A sound device with echo cancellation for programs without ROS."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
import threading
import time
from typing import Callable, Optional

import numpy as np

from minicpmo_ros.sound_device.audio_engine import AudioEngine, AudioFrame
from minicpmo_ros.sound_device.device_stream import DeviceStream, StreamStatus
from minicpmo_ros.sound_device.echo_canceller import SAMPLE_RATE
from minicpmo_ros.sound_device.playback_queue import PlaybackState
from minicpmo_ros.sound_device.sample_clock import SampleClock

# Blocks of 10 ms that wait for the analysis before the oldest are dropped.
WAITING_BLOCKS = 100


@dataclass(frozen=True)
class _Block:
    microphone: np.ndarray
    rendered: np.ndarray
    capture_time: float


class AudioDevice:
    """Connects an engine to a stream: the callback renders, a thread of its own analyses.

    :param make_stream: gets this object as its handler and returns the stream.
    :param on_frame: called from the analysis thread with each frame of 32 ms and the time of its
        first sample [s, monotonic clock, or whatever clock ``feed`` is given].
    :param on_block: called from the analysis thread with each cleaned block of 20 ms, int16 [320]
        at 16 kHz, and the time of its first sample, before the speech detector has seen it all.
    :param on_playback: called after each rendered block, never in the audio callback.
    :param on_error: called from the analysis thread with what it raised; the thread goes on.
    """

    def __init__(
        self,
        engine: AudioEngine,
        make_stream: Callable[[AudioDevice], DeviceStream],
        on_frame: Callable[[AudioFrame, float], None],
        on_error: Callable[[Exception], None],
        on_block: Optional[Callable[[np.ndarray, float], None]] = None,
        on_playback: Optional[Callable[[], None]] = None,
    ) -> None:
        self.engine = engine
        engine.keep_blocks = on_block is not None
        self._on_block = on_block
        self._on_playback = on_playback or (lambda: None)
        self.dropped_blocks = 0
        self._on_frame = on_frame
        self._on_error = on_error
        self._clock = SampleClock(SAMPLE_RATE)
        self._blocks: deque[_Block] = deque()
        self._wake = threading.Condition()
        self._engine_lock = threading.Lock()
        self._running = False
        self._thread: Optional[threading.Thread] = None
        self._positions: deque[tuple[float, int, int, float]] = deque(maxlen=128)
        self._stream = make_stream(self)

    def start(self) -> None:
        """Start stream and analysis; returns at once."""
        self._running = True
        self._thread = threading.Thread(target=self._analyse, name='audio analysis', daemon=True)
        self._thread.start()
        self._stream.start()

    def stop(self) -> None:
        """Stop both; idempotent."""
        self._stream.stop()
        with self._wake:
            self._running = False
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
            self._thread = None

    def __enter__(self) -> AudioDevice:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def status(self) -> StreamStatus:
        """Return the health of the stream."""
        return self._stream.status()

    def playback_state(self, now: Optional[float] = None) -> PlaybackState:
        """Return what was really heard by ``now`` [s, monotonic], not what was handed over."""
        now = time.monotonic() if now is None else now
        state = self.engine.playback.state()
        for heard_at, turn_id, epoch, played in reversed(self._positions.copy()):
            if heard_at <= now and turn_id == state.turn_id:
                return replace(state, epoch=epoch, played=min(played, state.played))
        return state

    def feed(self, microphone: np.ndarray, capture_time: float) -> None:
        """Give samples from elsewhere than the stream, float32 [n] at the engine's rate."""
        self._enqueue(_Block(microphone, np.zeros_like(microphone), capture_time))

    def opened(self, sample_rate: int) -> None:
        """Prepare for blocks at a rate [Hz]; called by the stream."""
        with self._wake:
            self._blocks.clear()
        with self._engine_lock:
            self.engine.restart(sample_rate)

    def exchange(
        self, microphone: np.ndarray, capture_time: float, playback_time: float
    ) -> np.ndarray:
        """Exchange one block; called by the stream."""
        rate = self.engine.playback.sample_rate
        rendered = self.engine.render(microphone.size or rate // 100)
        state = self.engine.playback.state()
        end = playback_time + rendered.size / rate
        if state.playing or not self._positions or self._positions[-1][3] != state.played:
            self._positions.append((end, state.turn_id, state.epoch, state.played))
        if microphone.size:
            self.engine.set_delay(playback_time - capture_time)
            self._enqueue(_Block(microphone, rendered, capture_time))
        else:  # the stream is a clock; its thread has time
            self.engine.playback.refill()
            self._on_playback()
        return rendered

    def _enqueue(self, block: _Block) -> None:
        with self._wake:
            if len(self._blocks) >= WAITING_BLOCKS:
                self._blocks.popleft()
                self.dropped_blocks += 1
            self._blocks.append(block)
            self._wake.notify()

    def _analyse(self) -> None:
        """Analyse blocks in order until stopped."""
        while True:
            with self._wake:
                while self._running and not self._blocks:
                    self._wake.wait()
                if not self._running:
                    return
                block = self._blocks.popleft()
            try:
                self._analyse_block(block)
            except Exception as error:  # the thread's top handler: report and go on
                self._on_error(error)

    def _analyse_block(self, block: _Block) -> None:
        self._on_playback()
        with self._engine_lock:
            self._clock.update(self.engine.next_sample, block.capture_time)
            frames = self.engine.analyse(block.microphone, block.rendered)
            blocks = self.engine.take_blocks()
        for cleaned in blocks:
            self._on_block(cleaned.samples, self._clock.time_of(cleaned.begin))
        for frame in frames:
            self._on_frame(frame, self._clock.time_of(frame.begin))
