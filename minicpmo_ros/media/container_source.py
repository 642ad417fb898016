# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Videos and sound files: everything FFmpeg reads (mp4, mkv, webm, wav, flac, ogg, mp3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from minicpmo_ros.errors import MediaError
from minicpmo_ros.media.item import SAMPLE_RATE, Item, Picture, Sound


class ContainerSource:
    """One file, decoded while it is played.

    :raises MediaError: when the file cannot be opened or holds neither pictures nor sound.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as container:
            self.duration = _duration(container)
            self.has_pictures = bool(container.streams.video)
            self.has_sound = bool(container.streams.audio)
        if not (self.has_pictures or self.has_sound):
            raise MediaError(f'{path} holds neither pictures nor sound')

    def items(self, start: float = 0.0) -> Iterator[Item]:
        """Yield frames and blocks of sound from ``start`` [s] on."""
        with self._open() as container:
            if start > 0.0:
                container.seek(int(start * av.time_base))
            streams = [*container.streams.video[:1], *container.streams.audio[:1]]
            for stream in streams:
                stream.thread_type = 'SLICE'  # frame threads would hold frames back
            try:
                yield from _decode(container, streams, start)
            except av.error.FFmpegError as error:
                raise MediaError(f'{self.path} is damaged: {error}') from error

    def _open(self) -> av.container.InputContainer:
        try:
            return av.open(str(self.path))
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f'{self.path} cannot be opened as media: {error}') from error


def _decode(container: av.container.InputContainer, streams: list, start: float) -> Iterator[Item]:
    sound = _SoundDecoder(start)
    for packet in container.demux(streams):
        for frame in packet.decode():
            if isinstance(frame, av.VideoFrame):
                if frame.time is not None and frame.time >= start:
                    yield Picture(frame.time, frame.to_ndarray(format='rgb24'))
            else:
                yield from sound.add(frame)
    yield from sound.finish()


class _SoundDecoder:
    """Resamples to mono 16 kHz and counts samples, so that blocks join without gaps."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._resampler = av.AudioResampler(format='s16', layout='mono', rate=SAMPLE_RATE)
        self._position: int | None = None

    def add(self, frame: av.AudioFrame) -> Iterator[Sound]:
        if self._position is None:
            self._position = round((frame.time or 0.0) * SAMPLE_RATE)
        for block in self._resampler.resample(frame):
            yield from self._place(block)

    def finish(self) -> Iterator[Sound]:
        if self._position is not None:
            for block in self._resampler.resample(None):
                yield from self._place(block)

    def _place(self, block: av.AudioFrame) -> Iterator[Sound]:
        samples = block.to_ndarray().reshape(-1).astype(np.int16, copy=False)
        begin = self._position
        self._position += len(samples)
        late = max(0, round(self._start * SAMPLE_RATE) - begin)
        if late < len(samples):
            yield Sound((begin + late) / SAMPLE_RATE, samples[late:])


def _duration(container: av.container.InputContainer) -> float:
    if container.duration is not None:
        return container.duration / av.time_base
    lengths = [float(s.duration * s.time_base) for s in container.streams if s.duration]
    return max(lengths, default=float('inf'))
