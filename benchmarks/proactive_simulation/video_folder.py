# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Annotated videos: a folder with NAME.mp4 (or .mkv, .webm ...) and NAME.jsonl beside it.

Every line of the annotation is a JSON object::

    {"watch": "the pot boils", "time": 12.5, "end": 40.0, "what": "steam rises"}
    {"watch": "somebody has fallen"}
    {"talk": 3.0, "end": 5.5}

The first says that what the watch waits for is to be seen from ``time`` to ``end`` [s] (to the
end of the video without ``end``); ``watch`` is the text of the watch as one would state it, and
``what`` a remark. The second is watched for, too, and never happens. The third says when a person
speaks. A watch is in force during the whole video.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.proactive_simulation.recording import Second, Talk, TrueEvent, Truth
from minicpmo_ros.errors import MediaError
from minicpmo_ros.media.container_source import ContainerSource
from minicpmo_ros.media.item import SAMPLE_RATE, Picture, Sound
from minicpmo_ros.watch.watch import Watch, id_from

_KEYS = {'watch', 'time', 'end', 'what', 'talk'}


def read_folder(folder: Path) -> list[AnnotatedVideo]:
    """Return the annotated videos of a folder.

    :raises MediaError: for an annotation that is wrong, naming its line, or without a video.
    """
    videos = []
    for annotation in sorted(folder.glob('*.jsonl')):
        others = sorted(set(folder.glob(f'{annotation.stem}.*')) - {annotation})
        if not others:
            raise MediaError(f'{annotation}: there is no video of that name')
        videos.append(AnnotatedVideo(others[0], annotation))
    if not videos:
        raise MediaError(f'{folder}: there is no annotation (NAME.jsonl beside NAME.mp4)')
    return videos


@dataclass
class AnnotatedVideo:
    """One video with its annotation."""

    path: Path
    annotation: Path
    truth: Truth = field(init=False)

    def __post_init__(self) -> None:
        """Read the annotation."""
        self._source = ContainerSource(self.path)
        if not math.isfinite(self._source.duration):
            raise MediaError(f'{self.path}: its length is not known')
        length = int(self._source.duration)
        self.truth = read_truth(self.annotation, length)

    def seconds(self) -> Iterator[Second]:
        """Yield the video; the picture is the last frame of each second."""
        sound = np.zeros((self.truth.seconds + 1) * SAMPLE_RATE, np.int16)
        for item in ContainerSource(self.path).items():
            if isinstance(item, Sound):
                _place(sound, item)
        pictures = self._pictures()
        for index in range(self.truth.seconds):
            begin = index * SAMPLE_RATE
            yield Second(sound[begin : begin + SAMPLE_RATE], next(pictures))

    def _pictures(self) -> Iterator[bytes]:
        """Yield the last frame of every second, the one before where a second has none."""
        newest, due = b'', 1.0
        for item in self._source.items():
            if not isinstance(item, Picture):
                continue
            while item.time >= due:
                yield newest
                due += 1.0
            newest = _jpeg(item.pixels)
        while True:
            yield newest


def read_truth(annotation: Path, seconds: int) -> Truth:
    """Return what an annotation file says about a video of so many seconds."""
    truth = Truth(annotation.stem, seconds, [])
    lines = annotation.read_text(encoding='utf-8').splitlines()
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                _take(truth, json.loads(line))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise MediaError(f'{annotation}, line {number}: {error}') from error
    truth.promises = [f'I will tell you when {watch.text}.' for watch in truth.watches]
    return truth


def _take(truth: Truth, entry: dict[str, Any]) -> None:
    unknown = entry.keys() - _KEYS
    if unknown:
        raise ValueError(
            f'unknown {", ".join(sorted(unknown))}; known: {", ".join(sorted(_KEYS))}'
        )
    if 'talk' in entry:
        truth.talks.append(Talk(*_span(float(entry['talk']), float(entry['end']))))
        return
    text = str(entry['watch'])
    watch = Watch(id_from(text), text)
    if all(known.id != watch.id for known in truth.watches):
        truth.watches.append(watch)
    if 'time' in entry:
        span = _span(float(entry['time']), float(entry.get('end', truth.seconds)))
        truth.events.append(TrueEvent(watch.id, *span))


def _span(begin: float, end: float) -> tuple[float, float]:
    if not 0.0 <= begin < end:
        raise ValueError(f'{begin} to {end} s is no span of time')
    return begin, end


def _place(sound: np.ndarray, item: Sound) -> None:
    begin = max(0, round(item.time * SAMPLE_RATE))
    part = sound[begin : begin + len(item.samples)]
    part[:] = item.samples[: len(part)]


def _jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, 'JPEG', quality=90)
    return file.getvalue()
