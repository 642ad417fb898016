# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From what was noted to the table of bars: counts, shares and confidence intervals."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
import math

import numpy as np

from training.nano.answer import FIXED_ANSWERS
from training.nano.record import OverlapRecord, Record, is_on_time

_Z = 1.96  # 95 %
LONG_WAIT_UNITS = 60


@dataclass(frozen=True)
class Row:
    """One line of the table; ``value`` is None when there was nothing to count.

    bar: what has to be reached, e.g. '>= 92 %'; met: None without a value.
    """

    name: str
    count: str
    value: float | None
    interval: tuple[float, float] | None
    unit: str
    bar: str
    met: bool | None

    def text(self) -> str:
        """Return the row as Markdown."""
        shown = '-' if self.value is None else f'{self.value:.3g} {self.unit}'.strip()
        spread = ''
        if self.interval is not None:
            spread = f'{self.interval[0]:.3g} - {self.interval[1]:.3g}'
        met = {None: '-', True: 'yes', False: 'no'}[self.met]
        return f'| {self.name} | {self.count} | {shown} | {spread} | {self.bar} | {met} |'


def wilson_interval(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share in percent."""
    if not total:
        return 0.0, 100.0
    share, z2 = hits / total, _Z**2
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    spread = share * (1 - share) / total + z2 / (4 * total**2)
    half = _Z * math.sqrt(spread) / (1 + z2 / total)
    return 100 * max(0.0, centre - half), 100 * min(1.0, centre + half)


def poisson_interval(count: int) -> tuple[float, float]:
    """Return the 95 % interval of an expected count (Byar's approximation)."""
    low = count * (1 - 1 / (9 * count) - _Z / (3 * math.sqrt(count))) ** 3 if count else 0.0
    more = count + 1
    return low, more * (1 - 1 / (9 * more) + _Z / (3 * math.sqrt(more))) ** 3


def table(record: Record, memory_mb: float) -> list[Row]:
    """Return the rows of the evaluation."""
    watches = [event for event in record.events if event.name != 'fall']
    falls = [event for event in record.events if event.name == 'fall']
    late = [event for event in watches if event.unit - event.opened >= LONG_WAIT_UNITS]
    answerable = [entry for entry in record.requests if entry.accepted != ('',)]
    spoken = [entry for entry in answerable if not _wants_silence(entry.intent)]
    prompt = [entry.delay is not None and entry.delay <= 2 for entry in spoken]
    minutes = record.units / 60
    return [
        _share('right answer to a request', [r.right for r in record.requests], 92),
        _share_of('stays silent with nothing to answer', record.silent_kept, record.silent_units,
                  99),
        _share('reminder within 2 units', [is_on_time(event) for event in watches], 92),
        _rate('false reminders', len(record.false_reminders), minutes / 15, 'per 15 min'),
        _share('fall alert within 3 units', [is_on_time(event) for event in falls], 95),
        _rate('false fall alerts', len(record.false_alerts), minutes / 30, 'per 30 min'),
        _share('yields within 1 unit when talked over', _yields(record.talk_overs), 92),
        _share('yields wrongly on backchannel', _yields(record.backchannels), 10, at_least=False),
        _share('starts answering within 2 units', prompt, 95),
        _share('watch remembered after 60 units', [is_on_time(event) for event in late], 90),
        _limit('compute per unit, p95', record.seconds, 0.25),
        Row('memory', '', round(memory_mb), None, 'MB', '<= 600 MB', memory_mb <= 600),
    ]  # fmt: skip


def summary(record: Record, memory_mb: float) -> dict[str, object]:
    """Return everything worth keeping as JSON: rows, mistakes, answers by intent."""
    by_intent: dict[str, list[bool]] = defaultdict(list)
    for request in record.requests:
        by_intent[request.intent].append(request.right)
    wrong = [
        {'wording': r.wording, 'said': r.text, 'accepted': list(r.accepted), 'delay': r.delay}
        for r in record.requests
        if not r.right
    ]
    missed = [asdict(event) for event in record.events if not is_on_time(event)]
    return {
        'units': record.units,
        'rows': [asdict(row) for row in table(record, memory_mb)],
        'right_by_intent': {
            name: [sum(right), len(right)] for name, right in sorted(by_intent.items())
        },
        'wrong_answers': wrong,
        'missed_events': missed,
        'false_reminders': record.false_reminders,
        'false_alerts': record.false_alerts,
        'other_speech': record.other_false,
        'causeless_yields': record.causeless_yields,
        'speaking_units': record.speaking_units,
    }


def markdown(rows: list[Row]) -> str:
    """Return the table."""
    head = '| measure | count | value | 95 % interval | bar | met |'
    return '\n'.join([head, '| --- ' * 6 + '|', *(row.text() for row in rows)])


def _wants_silence(intent: str) -> bool:
    return FIXED_ANSWERS.get(intent) == ''


def _yields(overlaps: list[OverlapRecord]) -> list[bool]:
    return [overlap.yielded for overlap in overlaps]


def _share(name: str, hits: list[bool], bar: float, at_least: bool = True) -> Row:
    return _share_of(name, sum(hits), len(hits), bar, at_least)


def _share_of(name: str, hits: int, total: int, bar: float, at_least: bool = True) -> Row:
    sign = '>=' if at_least else '<='
    if not total:
        return Row(name, '0 / 0', None, None, '%', f'{sign} {bar} %', None)
    value = 100 * hits / total
    met = value >= bar if at_least else value <= bar
    interval = wilson_interval(hits, total)
    return Row(name, f'{hits} / {total}', value, interval, '%', f'{sign} {bar} %', met)


def _rate(name: str, count: int, periods: float, unit: str) -> Row:
    if not periods:
        return Row(name, '0', None, None, unit, f'<= 1 {unit}', None)
    low, high = poisson_interval(count)
    interval = (low / periods, high / periods)
    return Row(name, str(count), count / periods, interval, unit, f'<= 1 {unit}',
               count / periods <= 1)  # fmt: skip


def _limit(name: str, seconds: list[float], bar: float) -> Row:
    if not seconds:
        return Row(name, '0', None, None, 'ms', f'<= {bar * 1000:.0f} ms', None)
    value = float(np.percentile(seconds, 95))
    return Row(name, str(len(seconds)), value * 1000, None, 'ms', f'<= {bar * 1000:.0f} ms',
               value <= bar)  # fmt: skip
