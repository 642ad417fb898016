# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The results as text, as a document, and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from benchmarks.proactive_simulation.judge import Metric, Verdict

WIDTH, LEFT, TOP, ROW, PLOT = 1100, 230, 70, 30, 150
COLOURS = {True: '#1f77b4', False: '#d62728'}
MOST_DELAY = 10.0


def table(results: Mapping[str, list[Metric]]) -> str:
    """Return a Markdown table with the systems side by side."""
    head = ['metric', 'bar']
    for name in results:
        head += [name, '95 %', 'count', 'met']
    lines = [_row(head), _row(['---'] * len(head))]
    for row in zip(*results.values(), strict=True):
        cells = [row[0].name, row[0].bar]
        for metric in row:
            cells += _cells(metric)
        lines.append(_row(cells))
    return '\n'.join(lines)


def markdown(
    title: str,
    results: Mapping[str, list[Metric]],
    verdicts: Mapping[str, Verdict],
    conditions: Mapping[str, Any],
    scenes: str,
) -> str:
    """Return the results as a document."""
    lines = [f'# {title}', '']
    lines += [f'* {key}: {value}' for key, value in conditions.items()]
    lines += [f'* scenes: {scenes}', '', table(results), '', f'![delays]({title}.png)', '']
    for name, verdict in verdicts.items():
        lines += [f'## {name}: by watch', '', *_by_watch(verdict), '']
        if verdict.false_alerts:
            lines += ['False alerts:', '', *(f'* {text}' for text in verdict.false_alerts), '']
        if verdict.false_remarks:
            lines += ['False remarks:', '', *(f'* {text}' for text in verdict.false_remarks), '']
    return '\n'.join(lines)


def _by_watch(verdict: Verdict) -> list[str]:
    lines = [_row(['watch', 'events', 'within 3 s', 'within 10 s']), _row(['---'] * 4)]
    names = sorted({d.event.watch_id for d in verdict.detections})
    for name in names:
        mine = [d for d in verdict.detections if d.event.watch_id == name]
        soon, later = (sum(d.within(limit) for d in mine) for limit in (3.0, 10.0))
        lines.append(_row([name, str(len(mine)), str(soon), str(later)]))
    return lines


def _cells(metric: Metric) -> list[str]:
    value = '-' if metric.value is None else f'{metric.value:.3g}'
    spread = '-' if metric.interval is None else '{:.3g} - {:.3g}'.format(*metric.interval)
    met = {None: '-', True: 'yes', False: '**no**'}[metric.met]
    return [value, spread, metric.count, met]


def _row(cells: list[str]) -> str:
    return f'| {" | ".join(cells)} |'


def picture(verdicts: Mapping[str, Verdict], path: Path) -> None:
    """Draw every event at its time with the delay of its alert; missed ones at the top."""
    height = TOP + len(verdicts) * (PLOT + 60)
    image = Image.new('RGB', (WIDTH, height), 'white')
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(15)
    draw.text((20, 20), 'time to alert [s] over the time in the scene', 'black', font)
    draw.text((520, 20), 'blue: told   red: not told within 10 s', 'black', font)
    for index, (name, verdict) in enumerate(verdicts.items()):
        top = TOP + index * (PLOT + 60)
        _plot(draw, font, name, verdict, top)
    image.save(path)


def _plot(draw: ImageDraw.ImageDraw, font: Any, name: str, verdict: Verdict, top: int) -> None:
    draw.text((20, top + PLOT // 2), name, 'black', font)
    longest = max((d.length for d in verdict.detections), default=1.0)
    right = WIDTH - 30
    draw.rectangle((LEFT, top, right, top + PLOT), outline='#999999')
    for delay in (0, 3, 10):
        y = top + PLOT - delay / MOST_DELAY * PLOT
        draw.line((LEFT, y, right, y), '#dddddd')
        draw.text((LEFT - 25, y - 9), str(delay), 'black', font)
    for minutes in range(0, int(longest / 60) + 1, 10):
        x = LEFT + minutes * 60 / longest * (right - LEFT)
        draw.text((x - 10, top + PLOT + 4), f'{minutes} min', 'black', font)
    for detection in verdict.detections:
        x = LEFT + detection.event.begin / longest * (right - LEFT)
        is_told = detection.within(MOST_DELAY)
        y = top + PLOT - min(detection.delay or MOST_DELAY, MOST_DELAY) / MOST_DELAY * PLOT
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=COLOURS[is_told])
