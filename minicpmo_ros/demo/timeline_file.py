# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write the timeline as one picture and as one self-contained page."""

from __future__ import annotations

import base64
from html import escape
import io
from pathlib import Path

import av
import numpy as np

from minicpmo_ros.demo.audio_track import TRACK_RATE
from minicpmo_ros.demo.canvas import PageCanvas, PictureCanvas, text_width
from minicpmo_ros.demo.summary import figures
from minicpmo_ros.demo.timeline import (
    CUT,
    EVENT,
    INK,
    LEFT,
    LISTEN,
    PAPER,
    PERSON,
    QUIET,
    ROBOT,
    ROW_HEIGHT,
    WIDTH,
    Timeline,
)

HEAD = 118
LEGEND = (
    (PERSON, 'the microphone'),
    (ROBOT, 'the robot, and units in which it speaks'),
    (LISTEN, 'units in which it listens'),
    (EVENT, 'said or reported without being asked'),
    (CUT, 'interrupted by a person'),
)


def write_picture(path: Path, timeline: Timeline) -> None:
    """Write the timeline as a PNG file."""
    canvas = PictureCanvas(WIDTH, HEAD + timeline.height + 10, PAPER)
    canvas.text((LEFT, 16), timeline.seen.title, INK, 20, bold=True)
    x = float(LEFT)
    for figure in figures(timeline.seen):
        canvas.text((x, 46), figure.value, INK, 16, bold=True)
        canvas.text((x, 68), figure.label, QUIET, 11)
        x += max(text_width(figure.value, 17), text_width(figure.label, 11)) + 28
    x = float(LEFT)
    for colour, label in LEGEND:
        canvas.rectangle((x, 95, x + 12, 105), colour, 2)
        canvas.text((x + 18, 92), label, QUIET, 11)
        x += text_width(label, 11) + 42
    timeline.draw(canvas, HEAD)
    canvas.image.save(path, optimize=True)


def write_page(path: Path, timeline: Timeline) -> None:
    """Write the timeline as an HTML file that needs nothing else, sound included."""
    canvas = PageCanvas()
    timeline.draw(canvas)
    values = {
        'title': escape(timeline.seen.title),
        'model': escape(timeline.seen.model),
        'figures': ''.join(
            f'<div><b>{escape(f.value)}</b><span>{escape(f.label)}</span></div>'
            for f in figures(timeline.seen)
        ),
        'legend': ''.join(
            f'<span><i style="background:{colour}"></i>{escape(label)}</span>'
            for colour, label in LEGEND
        ),
        'sound': base64.b64encode(_sound_file(timeline)).decode(),
        'width': WIDTH,
        'height': timeline.height,
        'drawing': '\n'.join(canvas.elements),
        'row_height': ROW_HEIGHT,
        'row_seconds': timeline.row_seconds,
        'left': LEFT,
        'scale': timeline.scale,
    }
    page = (Path(__file__).with_name('timeline_page.html')).read_text()
    for name, value in values.items():
        page = page.replace('{{' + name + '}}', str(value))
    path.write_text(page)


def _sound_file(timeline: Timeline) -> bytes:
    """Return both tracks as a stereo MP3 file: the person left of the robot."""
    tracks = np.stack([timeline.voice(robot=False), timeline.voice(robot=True)], axis=1)
    # Not fully left and right: pleasant with headphones.
    mixed = tracks @ np.array([[0.8, 0.35], [0.35, 0.8]], np.float32)
    samples = (np.clip(mixed, -1, 1) * 32767).astype(np.int16).reshape(1, -1)
    buffer = io.BytesIO()
    with av.open(buffer, 'w', format='mp3') as container:
        stream = container.add_stream('mp3', rate=TRACK_RATE, layout='stereo')
        stream.bit_rate = 64000
        frame = av.AudioFrame.from_ndarray(samples, format='s16', layout='stereo')
        frame.rate = TRACK_RATE
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return buffer.getvalue()
