# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One PortAudio stream for microphone and loudspeaker that survives unplugging."""

from __future__ import annotations

from dataclasses import dataclass
import threading
import time
from types import ModuleType
from typing import Optional

import numpy as np

from minicpmo_ros.sound_device.device_stream import StreamHandler, StreamState, StreamStatus
from minicpmo_ros.sound_device.software_clock_stream import BLOCK_SECONDS, pace

NO_DEVICE = 'none'
# A device that calls back less often than this is gone [s].
SILENT_DEVICE_SECONDS = 1.5
STAND_IN_RATE = 16000
# Used where the host reports times that cannot be [s].
LARGEST_LATENCY = 1.0


@dataclass(frozen=True)
class StreamConfig:
    """Which devices to open and how.

    input_device, output_device: name or part of it, number, '' for the system's choice,
        'none' to do without.
    sample_rate: [Hz]; 0 takes what the device prefers.
    latency: 'low', 'high' or seconds.
    retry_seconds: pause between two attempts to find a device.
    """

    input_device: str = ''
    output_device: str = ''
    sample_rate: int = 0
    latency: str | float = 'low'
    retry_seconds: float = 2.0

    def __post_init__(self) -> None:
        if self.sample_rate and not 8000 <= self.sample_rate <= 192000:
            raise ValueError(f'sample_rate must be 0 or 8000..192000, got {self.sample_rate!r}')
        if self.input_device == NO_DEVICE and self.output_device == NO_DEVICE:
            raise ValueError("input_device and output_device are both 'none': nothing to open")


class FullDuplexStream:
    """Keeps a PortAudio stream open; looks for the device as long as there is none.

    Meanwhile a software clock renders into nothing, so that speech does not pile up and come out
    late. Times are those of the monotonic clock.

    :param library: ``sounddevice`` or a stand-in for tests.
    """

    def __init__(
        self,
        handler: StreamHandler,
        config: Optional[StreamConfig] = None,
        library: Optional[ModuleType] = None,
    ) -> None:
        self._handler = handler
        self._config = config or StreamConfig()
        self._library = library
        self._stopping = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._called_at = 0.0
        self._overruns = self._underruns = self._openings = 0
        self._set_status(StreamState.CLOSED, 'not started', STAND_IN_RATE)

    def start(self) -> None:
        """Begin to look for the device; returns at once."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._supervise, name='audio device', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the device and end the thread; idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
            self._thread = None
        self._set_status(StreamState.CLOSED, 'stopped', self._rate)

    def status(self) -> StreamStatus:
        """Return the health."""
        return StreamStatus(
            self._state,
            self._detail,
            self._rate,
            overruns=self._overruns,
            underruns=self._underruns,
            openings=self._openings,
        )

    def _set_status(self, state: StreamState, detail: str, rate: int) -> None:
        self._state, self._detail, self._rate = state, detail, rate

    def _supervise(self) -> None:
        """Open, watch, close and open again until told to stop."""
        while not self._stopping.is_set():
            stream = self._open()
            if stream is None:
                self._stand_in()
                continue
            self._watch(stream)
            try:
                stream.close()
            except Exception as error:  # PortAudio raises its own type; the device is gone anyway
                self._detail = f'closing failed: {error}'

    def _open(self) -> Optional[object]:
        """Return a running stream, or None and say why in the status."""
        try:
            library = self._fresh_library()
            stream = self._make_stream(library)
        except OSError as error:
            self._set_status(
                StreamState.SEARCHING,
                f'PortAudio is missing ({error}); install libportaudio2',
                STAND_IN_RATE,
            )
            return None
        except Exception as error:  # sounddevice.PortAudioError, ValueError for unknown names
            self._set_status(StreamState.SEARCHING, f'no audio device: {error}', STAND_IN_RATE)
            return None
        self._openings += 1
        self._set_status(StreamState.RUNNING, self._describe(stream), int(stream.samplerate))
        return stream

    def _fresh_library(self) -> ModuleType:
        """Return sounddevice with a new list of devices; PortAudio reads it only once."""
        if self._library is None:
            import sounddevice

            self._library = sounddevice
        if self._openings or self._state is StreamState.SEARCHING:
            self._library._terminate()
            self._library._initialize()
        return self._library

    def _make_stream(self, library: ModuleType) -> object:
        config = self._config
        wanted = {'input': config.input_device, 'output': config.output_device}
        used = {kind: name for kind, name in wanted.items() if name != NO_DEVICE}
        devices = {kind: _device(name) for kind, name in used.items()}
        rate = config.sample_rate or self._preferred_rate(library, devices)
        options = {
            'samplerate': rate,
            'blocksize': int(rate * BLOCK_SECONDS),
            'channels': 1,
            'dtype': 'float32',
            'latency': config.latency,
        }
        if len(devices) == 2:
            device = (devices['input'], devices['output'])
            stream = library.Stream(device=device, callback=self._exchange, **options)
        elif 'input' in devices:
            stream = library.InputStream(
                device=devices['input'], callback=self._capture, **options
            )
        else:
            stream = library.OutputStream(device=devices['output'], callback=self._play, **options)
        self._handler.opened(int(rate))
        self._called_at = time.monotonic()
        self._latency = stream.latency
        stream.start()
        return stream

    @staticmethod
    def _preferred_rate(library: ModuleType, devices: dict[str, str | int | None]) -> int:
        """Return the lowest rate that the devices prefer: converting down is what is safe."""
        rates = [
            library.query_devices(device, kind)['default_samplerate']
            for kind, device in devices.items()
        ]
        return int(min(rates))

    def _watch(self, stream: object) -> None:
        """Return when the device is gone or the stream is to be stopped."""
        while not self._stopping.wait(0.1):
            age = time.monotonic() - self._called_at
            if not stream.active or age > SILENT_DEVICE_SECONDS:
                self._set_status(StreamState.SEARCHING, 'the audio device fell silent', self._rate)
                return

    def _stand_in(self) -> None:
        """Render into nothing until the next attempt."""
        self._handler.opened(STAND_IN_RATE)
        until = time.monotonic() + self._config.retry_seconds
        pace(self._handler, STAND_IN_RATE, self._stopping.wait, until)

    def _describe(self, stream: object) -> str:
        names = {'in': self._config.input_device, 'out': self._config.output_device}
        text = ', '.join(f'{side} {name or "default"}' for side, name in names.items())
        return f'{text}, {int(stream.samplerate)} Hz'

    def _exchange(
        self, indata: np.ndarray, outdata: np.ndarray, frames: int, times: object, status: object
    ) -> None:
        """Serve PortAudio; runs in its own thread and must not raise or wait."""
        capture, playback = self._times(frames, times, status)
        outdata[:, 0] = self._handler.exchange(indata[:, 0].copy(), capture, playback)

    def _capture(self, indata: np.ndarray, frames: int, times: object, status: object) -> None:
        capture, playback = self._times(frames, times, status)
        self._handler.exchange(indata[:, 0].copy(), capture, playback)

    def _play(self, outdata: np.ndarray, frames: int, times: object, status: object) -> None:
        capture, playback = self._times(frames, times, status)
        silence = np.zeros(frames, np.float32)
        outdata[:, 0] = self._handler.exchange(silence, capture, playback)

    def _times(self, frames: int, times: object, status: object) -> tuple[float, float]:
        """Return when the block was captured and when the rendered one is heard."""
        now = self._called_at = time.monotonic()
        self._overruns += bool(status.input_overflow)
        self._underruns += bool(status.output_underflow)
        latency = self._latency if isinstance(self._latency, tuple) else (self._latency,) * 2
        captured = times.currentTime - times.inputBufferAdcTime
        if not 0.0 < captured < LARGEST_LATENCY:
            captured = latency[0] + frames / self._rate
        ahead = times.outputBufferDacTime - times.currentTime
        if not 0.0 < ahead < LARGEST_LATENCY:
            ahead = latency[1]
        return now - captured, now + ahead


def _device(name: str) -> str | int | None:
    """Return what PortAudio calls a device."""
    if not name:
        return None
    return int(name) if name.isdigit() else name
