# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

from training.nano.learning_curve import markdown, write_curves


def _log(folder: Path, values: list[float]) -> Path:
    folder.mkdir()
    lines = [json.dumps({'step': i + 1, 'accuracy': v}) for i, v in enumerate(values)]
    (folder / 'language.log').write_text('\n'.join(lines) + '\n')
    return folder


def test_a_second_training_leaves_the_curves_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / 'curves.json'
    write_curves(_log(tmp_path / 'one', [0.1] * 30), path)
    write_curves(_log(tmp_path / 'two', [0.2] * 30), path, 'second')
    curves = json.loads(path.read_text())
    assert [entry['accuracy'] for entry in curves['language']] == [0.1] * 10
    assert [entry['accuracy'] for entry in curves['second language']] == [0.2] * 10
    assert '| step | accuracy |' in markdown(path)


def test_a_repeated_step_counts_once(tmp_path: Path) -> None:
    run = _log(tmp_path / 'run', [0.1, 0.2])
    with (run / 'language.log').open('a') as log:
        print(json.dumps({'step': 2, 'accuracy': 0.5}), file=log)
    write_curves(run, tmp_path / 'curves.json')
    curve = json.loads((tmp_path / 'curves.json').read_text())['language']
    assert curve == [{'step': 1, 'accuracy': 0.1}, {'step': 2, 'accuracy': 0.5}]
