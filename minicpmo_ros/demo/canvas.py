# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The few things a timeline is drawn with, on a picture or in a page."""

from __future__ import annotations

import base64
from html import escape
import io
from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Points = list[tuple[float, float]]
# Pictures are drawn at twice the size: sharp on dense screens.
SCALE = 2


class Canvas(Protocol):
    """Coordinates are pixels from the upper left corner; colours are '#rrggbb'."""

    def rectangle(
        self, box: tuple[float, float, float, float], fill: str, radius: float = 0, hint: str = ''
    ) -> None:
        """Fill the box (left, top, right, bottom); ``hint`` is shown under the mouse."""

    def line(self, points: Points, colour: str, width: float = 1.0, dashed: bool = False) -> None:
        """Draw a line through the points."""

    def polygon(self, points: Points, fill: str) -> None:
        """Fill a polygon."""

    def text(
        self, at: tuple[float, float], words: str, colour: str, size: int = 12, bold: bool = False
    ) -> None:
        """Write one line with its upper left corner at ``at``."""

    def picture(self, box: tuple[float, float, float, float], jpeg: bytes) -> None:
        """Draw a JPEG picture into the box."""


def text_width(words: str, size: int) -> float:
    """Return the width of a line [pixels]."""
    return _font(size).getlength(words)


def shortened(words: str, size: int, width: float) -> str:
    """Return the text, cut at its end when it is wider than ``width`` pixels."""
    if text_width(words, size) <= width:
        return words
    while words and text_width(words + '...', size) > width:
        words = words[:-1]
    return words + '...'


def wrap(words: str, size: int, width: float) -> list[str]:
    """Return the text as lines that fit into ``width`` pixels."""
    lines: list[str] = []
    for word in words.split():
        if lines and text_width(f'{lines[-1]} {word}', size) <= width:
            lines[-1] += f' {word}'
        else:
            lines.append(word)
    return lines


class PictureCanvas:
    """Draws with Pillow."""

    def __init__(self, width: int, height: int, background: str) -> None:
        self.image = Image.new('RGB', (width * SCALE, height * SCALE), background)
        self._draw = ImageDraw.Draw(self.image)

    def rectangle(
        self, box: tuple[float, float, float, float], fill: str, radius: float = 0, hint: str = ''
    ) -> None:
        """Fill the box."""
        self._draw.rounded_rectangle(_scaled(box), radius * SCALE, fill=fill)

    def line(self, points: Points, colour: str, width: float = 1.0, dashed: bool = False) -> None:
        """Draw a line through the points."""
        for first, second in zip(points, points[1:], strict=False):
            for part in _dashes(first, second) if dashed else [(first, second)]:
                ends = [tuple(_scaled(point)) for point in part]
                self._draw.line(ends, fill=colour, width=max(1, round(width * SCALE)))

    def polygon(self, points: Points, fill: str) -> None:
        """Fill a polygon."""
        self._draw.polygon([tuple(_scaled(point)) for point in points], fill=fill)

    def text(
        self, at: tuple[float, float], words: str, colour: str, size: int = 12, bold: bool = False
    ) -> None:
        """Write one line."""
        stroke = SCALE // 2 if bold else 0
        place = tuple(_scaled(at))
        font = _font(size * SCALE)
        self._draw.text(place, words, colour, font, stroke_width=stroke / 2, stroke_fill=colour)

    def picture(self, box: tuple[float, float, float, float], jpeg: bytes) -> None:
        """Draw a JPEG picture."""
        left, top, right, bottom = (round(edge) for edge in _scaled(box))
        with Image.open(io.BytesIO(jpeg)) as source:
            size = (right - left, bottom - top)
            self.image.paste(source.convert('RGB').resize(size, Image.LANCZOS), (left, top))


class PageCanvas:
    """Collects SVG elements."""

    def __init__(self) -> None:
        self.elements: list[str] = []

    def rectangle(
        self, box: tuple[float, float, float, float], fill: str, radius: float = 0, hint: str = ''
    ) -> None:
        """Fill the box."""
        left, top, right, bottom = box
        size = f'width="{right - left:.1f}" height="{bottom - top:.1f}" rx="{radius}"'
        title = f'<title>{escape(hint)}</title>' if hint else ''
        self.elements.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" {size} fill="{fill}">{title}</rect>'
        )

    def line(self, points: Points, colour: str, width: float = 1.0, dashed: bool = False) -> None:
        """Draw a line through the points."""
        dash = ' stroke-dasharray="4 3"' if dashed else ''
        self.elements.append(
            f'<polyline points="{_path(points)}" fill="none" stroke="{colour}" '
            f'stroke-width="{width}"{dash}/>'
        )

    def polygon(self, points: Points, fill: str) -> None:
        """Fill a polygon."""
        self.elements.append(f'<polygon points="{_path(points)}" fill="{fill}"/>')

    def text(
        self, at: tuple[float, float], words: str, colour: str, size: int = 12, bold: bool = False
    ) -> None:
        """Write one line."""
        weight = ' font-weight="600"' if bold else ''
        # The length keeps lines inside their boxes whatever font the reader has.
        length = f' textLength="{text_width(words, size):.0f}" lengthAdjust="spacingAndGlyphs"'
        self.elements.append(
            f'<text x="{at[0]:.1f}" y="{at[1] + size:.1f}" fill="{colour}" '
            f'font-size="{size}"{weight}{length}>{escape(words)}</text>'
        )

    def picture(self, box: tuple[float, float, float, float], jpeg: bytes) -> None:
        """Draw a JPEG picture."""
        left, top, right, bottom = box
        data = base64.b64encode(_thumbnail(jpeg, right - left, bottom - top)).decode()
        self.elements.append(
            f'<image x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{bottom - top:.1f}" href="data:image/jpeg;base64,{data}"/>'
        )


_FONTS: dict[int, ImageFont.FreeTypeFont] = {}


def _font(size: int) -> ImageFont.FreeTypeFont:
    if size not in _FONTS:
        _FONTS[size] = ImageFont.load_default(size)
    return _FONTS[size]


def _scaled(values: tuple[float, ...]) -> list[float]:
    return [value * SCALE for value in values]


def _dashes(first: tuple[float, float], second: tuple[float, float]) -> list[Points]:
    length = float(np.hypot(second[0] - first[0], second[1] - first[1]))
    steps = np.arange(0.0, length, 7.0)
    ends = [np.array(first), np.array(second)]

    def at(distance: float) -> tuple[float, float]:
        point = ends[0] + (ends[1] - ends[0]) * min(1.0, distance / length)
        return float(point[0]), float(point[1])

    return [[at(step), at(step + 4.0)] for step in steps]


def _path(points: Points) -> str:
    return ' '.join(f'{x:.1f},{y:.1f}' for x, y in points)


def _thumbnail(jpeg: bytes, width: float, height: float) -> bytes:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(jpeg)) as source:
        size = (round(width * SCALE), round(height * SCALE))
        source.convert('RGB').resize(size, Image.LANCZOS).save(buffer, 'jpeg', quality=80)
    return buffer.getvalue()
