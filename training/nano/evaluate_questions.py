# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ask the real session yes-or-no questions about held-out rooms and print how often it is right.

``python -m training.nano.evaluate_questions [--training-words]``: the pictures show rooms that
training never uses, the questions use held-out frames and conditions; the watch's own frame stays.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
import json
from pathlib import Path
import shutil
import tempfile

import numpy as np

from minicpmo.protocol import Session, Unit
from minicpmo.session_option import DEFAULTS_FILE
from training.nano.evaluate import CAMERA_SIZE, open_session, unseen_audio
from training.nano.layout import HELD_OUT_SEEDS, random_layout
from training.nano.microphone import Microphone
from training.nano.progress import Progress
from training.nano.question import KINDS, Question, classes_of, draw_question
from training.nano.renderer import attributes, render
from training.nano.request import Part
from training.nano.script_audio import ScriptAudio
from training.nano.vision_training import any_scene

SEEDS = {Part.HELD_OUT: 78_000_000, Part.DEVELOPMENT: 79_000_000}
QUESTIONS = 8  # about one picture
_MOST_UNITS = 4
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Asked:
    """A question and what the session answered: probability of yes."""

    question: Question
    probability: float

    @property
    def right(self) -> bool:
        """Return whether the likelier answer is the true one."""
        return (self.probability > 0.5) is self.question.answer


def ask(
    session: Session, audio: ScriptAudio, pictures: int, seed: int, held_out: bool
) -> Iterator[Asked]:
    """Show one to four changing pictures, then ask about the last, for every picture.

    held_out: use the wordings that training never uses.
    """
    progress = Progress('questions', pictures)
    for index in range(pictures):
        rng = np.random.default_rng([seed, index])
        session.reset()
        microphone = Microphone(rng, audio)
        layout = random_layout(int(rng.integers(*HELD_OUT_SEEDS)))
        for unit in range(int(rng.integers(1, _MOST_UNITS + 1))):
            scene = any_scene(rng)
            picture = render(layout, scene, rng, CAMERA_SIZE)
            session.step(Unit(unit, microphone.next_second(), (picture,)))
        classes = classes_of(np.array(list(attributes(scene).values())))
        for _ in range(QUESTIONS):
            question = draw_question(rng, classes, held_out)
            probability = session.ask_yes_no(question.text)
            assert probability is not None, 'the model does not say that it answers questions'
            yield Asked(question, probability)
        progress.update(index + 1)


def open_asked_session(model: Path) -> Session:
    """Return a session that can be asked, even if the model's folder does not promise answers."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / model.name
        shutil.copytree(model, copy)
        path = copy / DEFAULTS_FILE
        defaults = json.loads(path.read_text())
        path.write_text(json.dumps({**defaults, 'yes_no_questions': True}))
        return open_session(copy)


def counts(asked: list[Asked]) -> dict[str, dict[str, int]]:
    """Return by kind: questions, right answers, true answer no, and yes said to those."""
    table = {}
    for kind in KINDS:
        entries = [entry for entry in asked if entry.question.kind == kind]
        denied = [entry for entry in entries if not entry.question.answer]
        table[kind] = {
            'questions': len(entries),
            'right': sum(entry.right for entry in entries),
            'no': len(denied),
            'false_yes': sum(not entry.right for entry in denied),
        }
    return table


def markdown(table: dict[str, dict[str, int]]) -> str:
    """Return the table with a last line for all kinds together."""
    names = ('questions', 'right', 'no', 'false_yes')
    total = {name: sum(row[name] for row in table.values()) for name in names}
    lines = ['| about | right | false yes |', '| --- | --- | --- |']
    for kind, row in {**table, 'all': total}.items():
        shares = [_share(row['right'], row['questions']), _share(row['false_yes'], row['no'])]
        lines.append(f'| {kind} | {shares[0]} | {shares[1]} |')
    return '\n'.join(lines)


def _share(part: int, whole: int) -> str:
    return f'{part} / {whole} ({100 * part / whole:.1f} %)' if whole else '0 / 0'


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--model', type=Path, default=_ROOT / 'model' / 'nano')
    parser.add_argument('--cache', type=Path, default=_ROOT / 'training/nano/cache/utterance')
    parser.add_argument('--pictures', type=int, default=400)
    parser.add_argument('--development', action='store_true', help='other pictures, to decide by')
    parser.add_argument('--training-words', action='store_true', help='ask as in training')
    parser.add_argument('--out', type=Path, help='write the counts as JSON')
    arguments = parser.parse_args()
    part = Part.DEVELOPMENT if arguments.development else Part.HELD_OUT
    audio = unseen_audio(arguments.cache, part)
    held_out = not arguments.training_words
    session = open_asked_session(arguments.model)
    table = counts(list(ask(session, audio, arguments.pictures, SEEDS[part], held_out)))
    print(markdown(table))
    if arguments.out:
        arguments.out.write_text(json.dumps(table, indent=1) + '\n')


if __name__ == '__main__':
    main()
