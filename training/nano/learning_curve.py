# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Learning curves of a run, thinned out, as a small file and as a table.

``python -m training.nano.learning_curve [PREFIX]`` reads ``runs/*.log`` and writes
``learning_curves.json``, which the model card shows. A prefix such as ``second`` names the curves
of a training that went on with a finished model; the curves of the first one are kept.
"""

from __future__ import annotations

import json
from pathlib import Path
import sys

POINTS = 10
CURVES_PATH = Path(__file__).with_name('learning_curves.json')
_SHOWN = {
    'audio': ('phone_accuracy', 'meaning_accuracy'),
    'vision': ('people', 'fallen', 'ball', 'cube', 'cup'),
    'language_symbolic': ('accuracy', 'request_accuracy', 'scene_accuracy'),
    'language': ('accuracy', 'request_accuracy', 'scene_accuracy', 'question_accuracy'),
    'joint': ('phone_accuracy', 'short_accuracy', 'short_request_accuracy', 'long_accuracy'),
}

Curve = list[dict[str, float]]


def read_curve(log: Path, names: tuple[str, ...]) -> Curve:
    """Return about ``POINTS`` entries of a stage's log; a step that was repeated counts once."""
    entries = {}
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        entries[entry['step']] = {name: round(entry[name], 3) for name in names if name in entry}
    steps = sorted(entries)
    chosen = {steps[round(i * (len(steps) - 1) / (POINTS - 1))] for i in range(POINTS)}
    return [{'step': step, **entries[step]} for step in sorted(chosen)]


def write_curves(run: Path, path: Path = CURVES_PATH, prefix: str = '') -> None:
    """Write the curves of all stages of a run; with a prefix beside those that are there."""
    curves = json.loads(path.read_text()) if prefix and path.exists() else {}
    for stage, names in _SHOWN.items():
        log = run / f'{stage}.log'
        if log.exists():
            curves[f'{prefix} {stage}'.strip()] = read_curve(log, names)
    path.write_text(json.dumps(curves, indent=1) + '\n')


def markdown(path: Path = CURVES_PATH) -> str:
    """Return one table per stage."""
    return '\n\n'.join(_table(s, curve) for s, curve in json.loads(path.read_text()).items())


def _table(stage: str, curve: Curve) -> str:
    names = list(dict.fromkeys(name for entry in curve for name in entry if name != 'step'))
    rows = [('step', *names), ('---',) * (len(names) + 1)]
    rows += [tuple(str(entry.get(name, '')) for name in ('step', *names)) for entry in curve]
    return f'{stage}:\n\n' + '\n'.join(f'| {" | ".join(row)} |' for row in rows)


if __name__ == '__main__':
    write_curves(Path(__file__).with_name('runs'), prefix=' '.join(sys.argv[1:]))
