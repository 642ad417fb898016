# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The results as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from training.nano.score import wilson_interval

WIDTH, ROW, LEFT, TOP = 1180, 26, 270, 70
SCALE_SECONDS = 1.2
COLOURS = ('#1f77b4', '#d62728', '#ff7f0e', '#7f7f7f')


def table(results: dict[str, list[dict]]) -> str:
    """Return one line per scene and system."""
    lines = [
        f'{"scene":26s} {"system":22s} {"M1 p50/p95/max [ms]":>20s} {"M2":>5s} {"n":>3s}'
        f' {"M3 /min":>8s} {"pauses":>7s} {"M4":>5s} {"n":>3s} {"paused":>6s} {"resumed":>7s}'
        f' {"M6 max":>7s} {"stale":>6s} {"M7 max":>7s}'
    ]
    names = [row['scenario'] for row in next(iter(results.values()))]
    for name in names:
        for system, rows in results.items():
            for row in rows:
                if row['scenario'] == name:
                    lines.append(_line(name, system, row))
    return '\n'.join(lines)


def _line(name: str, system: str, row: dict) -> str:
    stop, spill, heard = (
        row[key] for key in ('M1 stop latency [s]', 'M6 spill [s]', 'M7 heard error [s]')
    )
    latency = '/'.join(_ms(stop.get(key)) for key in ('p50', 'p95', 'max'))
    return (
        f'{name:26s} {system:22s} {latency:>20s} {_text(row["M2 recall"]):>5s} {row["M2 n"]:3d}'
        f' {_text(row["M3 cuts per minute"]):>8s} {_text(row["M3 pauses per minute"]):>7s}'
        f' {_text(row["M4 false stops"]):>5s} {row["M4 n"]:3d} {row["M4 paused"]:6d}'
        f' {row["M4 resumed within 0.5 s"]:7d} {_ms(spill.get("max")):>7s}'
        f' {_ms(row["M6 stale speech [s]"]):>6s} {_ms(heard.get("max")):>7s}'
    )


def _ms(seconds: object) -> str:
    return '-' if seconds is None else f'{seconds * 1000:.0f}'


def _text(value: object) -> str:
    return '-' if value is None else f'{value:.2f}'


def _share(share: object, count: int) -> str:
    """Return a share with n and its 95 % interval of Wilson."""
    if share is None or not count:
        return '-'
    low, high = (bound / 100 for bound in wilson_interval(round(share * count), count))
    return f'{share:.2f} ({count}: {low:.2f}..{high:.2f})'


def markdown(results: dict[str, list[dict]], date: str, trials: str) -> str:
    """Return the results and the bars as a document."""
    lines = [
        '# Barge-in in the simulated room',
        '',
        f'Written by `python benchmarks/barge_in.py` on {date}, {trials}.',
        'M1 stop latency p50 / p95 / max; M2 share of interruptions that stopped the robot in',
        '1 s; M3 cuts (and pauses given back) per minute of own speech with nobody talking; M4',
        'false cuts per event, and how many pauses were given back within 0.5 s of its end.',
        'A silence inside the speech counts as sound; a robot that was silent already counts as',
        'a miss. M6: sound after the decision; M7: error of the remembered length.',
        'Shares carry n and their 95 % interval (Wilson); the bars compare the share itself.',
        '',
        '| scene | system | M1 [ms] | M2 (n) | M3 cuts, pauses | M4 (n), back | M6, M7 [ms] |',
        '| --- | --- | --- | --- | --- | --- | --- |',
    ]
    for name in dict.fromkeys(row['scenario'] for rows in results.values() for row in rows):
        for system, rows in results.items():
            lines += [_markdown_row(system, row) for row in rows if row['scenario'] == name]
    ours = next(iter(results.values()), [])
    lines += ['', '| bar | | measured |', '| --- | --- | --- |']
    for name, reached, numbers in bars(ours):
        lines.append(f'| {name} | {"reached" if reached else "missed"} | {numbers} |')
    return '\n'.join(lines) + '\n'


def _markdown_row(system: str, row: dict) -> str:
    stop = row['M1 stop latency [s]']
    latency = ' / '.join(_ms(stop.get(key)) for key in ('p50', 'p95', 'max'))
    own = f'{_text(row["M3 cuts per minute"])}, {_text(row["M3 pauses per minute"])}'
    false = '-'
    if row['M4 n']:
        back = f'{row["M4 resumed within 0.5 s"]} of {row["M4 paused"]}'
        false = f'{_share(row["M4 false stops"], row["M4 n"])}, {back}'
    recall = _share(row['M2 recall'], row['M2 n'])
    rest = f'{_ms(row["M6 spill [s]"].get("max"))}, {_ms(row["M7 heard error [s]"].get("max"))}'
    note = f' ({row["note"]})' if 'note' in row else ''
    name = row['scenario'] + note
    return f'| {name} | {system} | {latency} | {recall} | {own} | {false} | {rest} |'


def picture(results: dict[str, list[dict]], path: Path) -> None:
    """Write the stop latency of each interruption scene as a PNG: a bar to p50, a tick at p95."""
    names = [
        row['scenario'] for row in next(iter(results.values())) if row['group'] == 'interruption'
    ]
    systems = list(results)
    band = ROW * len(systems) // 2 + 14
    image = Image.new('RGB', (WIDTH, TOP + band * len(names) + 30), 'white')
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(13)
    draw.text(
        (10, 8), 'Stop latency after the user begins [s]; bar: p50, tick: p95,', 'black', font
    )
    draw.text((10, 24), 'Number: share stopped within 1 s', 'black', font)
    for index, system in enumerate(systems):
        draw.text((430 + 185 * index, 16), system, COLOURS[index], font)
    for step in range(7):
        x = _place(step * 0.2)
        draw.line((x, TOP - 12, x, image.height - 20), '#dddddd')
        draw.text((x - 8, TOP - 28), f'{step * 0.2:.1f}', 'black', font)
    for number, name in enumerate(names):
        top = TOP + band * number
        draw.text((10, top + band // 2 - 14), name, 'black', font)
        for index, system in enumerate(systems):
            rows = [row for row in results[system] if row['scenario'] == name]
            if rows:
                _bar(draw, font, top + index * ROW // 2, rows[0], COLOURS[index])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)


def _bar(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.ImageFont,
    top: int,
    row: dict,
    colour: str,
) -> None:
    stop = row['M1 stop latency [s]']
    end = LEFT
    if stop['n']:
        end = _place(stop['p50'])
        tick = _place(stop['p95'])
        draw.rectangle((LEFT, top, end, top + 9), colour)
        draw.line((tick, top - 1, tick, top + 10), colour, 2)
        end = max(end, tick)
    draw.text((end + 6, top - 3), _text(row['M2 recall']), colour, font)


def _place(seconds: float) -> int:
    return LEFT + int(min(seconds / SCALE_SECONDS, 1.05) * (WIDTH - LEFT - 110))


def bars(rows: Sequence[dict]) -> list[tuple[str, bool, str]]:
    """Return the promised bars with whether the package reaches them, and the numbers."""
    by_name = {row['scenario']: row for row in rows}
    checks = []
    for name, p50, p95, recall in (
        ('echo -6 dB', 0.3, 0.5, 0.98),
        ('echo +0 dB', 0.3, 0.5, 0.98),
        ('echo +6 dB', None, 0.7, 0.95),
    ):
        if name not in by_name:
            continue
        row = by_name[name]
        stop = row['M1 stop latency [s]']
        good = stop['n'] and stop['p95'] <= p95 and (p50 is None or stop['p50'] <= p50)
        checks.append((f'M1 {name}', bool(good), str(stop)))
        checks.append((f'M2 {name}', row['M2 recall'] >= recall, str(row['M2 recall'])))
    for row in rows:
        if row['group'] == 'monologue':
            rate = row['M3 cuts per minute']
            checks.append((f'M3 {row["scenario"]}', rate <= 0.1, f'{rate} per minute'))
        if row['group'] in ('noise', 'backchannel'):
            limit = 0.05 if row['group'] == 'noise' else 0.1
            share = row['M4 false stops']
            checks.append((f'M4 {row["scenario"]}', share <= limit, str(share)))
    spill = max((row['M6 spill [s]'].get('max', 0.0) for row in rows), default=0.0)
    stale = sum(row['M6 stale speech [s]'] for row in rows)
    heard = max((row['M7 heard error [s]'].get('max', 0.0) for row in rows), default=0.0)
    checks.append(('M6', spill <= 0.06 and stale == 0.0, f'{spill} s spilled, {stale} s stale'))
    checks.append(('M7', heard <= 0.05, f'{heard} s'))
    return checks
