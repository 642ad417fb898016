# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write model/nano/README.md from the measured files next to it.

``python -m training.nano.model_card`` reads ``config.json`` and ``evaluation.json`` (written by
``training.nano.evaluate --out``) in the model folder, and ``record.json`` (times of the stages).
"""

from __future__ import annotations

from collections import Counter
import json
from pathlib import Path
from string import Template

from training.nano.learning_curve import markdown as curves_markdown
from training.nano.progress import RECORD_PATH
from training.nano.request import INTENTS, wordings
from training.nano.score import Row, markdown
from training.nano.speech_corpus import (
    UNADDRESSED,
    UNADDRESSED_HELD_OUT,
    answers_of,
    spoken_sentences,
)

_TEMPLATE = Path(__file__).with_name('model_card.md')


def write_model_card(folder: Path) -> None:
    """Write ``README.md`` into the model folder from the files that were measured."""
    evaluation = json.loads((folder / 'evaluation.json').read_text())
    config = json.loads((folder / 'config.json').read_text())
    training = json.loads(RECORD_PATH.read_text())
    weights = sum(path.stat().st_size for path in folder.glob('*.safetensors'))
    by_intent = ', '.join(
        f'{name} {right}/{total}' for name, (right, total) in evaluation['right_by_intent'].items()
    )
    text = Template(_TEMPLATE.read_text()).substitute(
        megabytes=f'{weights / 1e6:.1f}',
        sizes=_sizes(config),
        intents=len(INTENTS),
        wordings=len(wordings(held_out=False)),
        held_out=len(wordings(held_out=True)),
        unaddressed=len(UNADDRESSED) + len(UNADDRESSED_HELD_OUT),
        unaddressed_held_out=len(UNADDRESSED_HELD_OUT),
        sentences=len(spoken_sentences()),
        training=_stages(training),
        curves=curves_markdown(),
        units=evaluation['units'],
        hours=f'{evaluation["units"] / 3600:.1f}',
        table=markdown([Row(**row) for row in evaluation['rows']]),
        by_intent=by_intent,
        errors=_errors(evaluation),
    )
    (folder / 'README.md').write_text(text)


def _errors(evaluation: dict) -> str:
    """Return what kinds of mistakes were made, counted."""
    intent_of = {text: intent for intent, text in wordings(held_out=True)}
    kinds: Counter[str] = Counter()
    for wrong in evaluation['wrong_answers']:
        if not wrong['said']:
            kinds['no answer (or speech that should have stopped)'] += 1
        elif wrong['said'] in answers_of(intent_of[wrong['wording']]):
            kinds['right request, wrong about the scene or the memory'] += 1
        elif wrong['said'] in spoken_sentences():
            kinds['answer to another request (misheard)'] += 1
        else:
            kinds['a sentence mixed from two, or cut'] += 1
    unasked = (
        f'{len(evaluation["missed_events"])} events missed or late, '
        f'{len(evaluation["false_reminders"])} false reminders, '
        f'{len(evaluation["other_speech"])} other turns that nothing called for, '
        f'{evaluation["causeless_yields"]} turns given up without a cause'
    )
    lines = [f'* {kind}: {count}' for kind, count in kinds.most_common()]
    return '\n'.join([*lines, f'* unasked: {unasked}.'])


def _sizes(config: dict) -> str:
    vision, audio = config['vision_config'], config['audio_config']
    return (
        f'Language model {config["num_hidden_layers"]} layers of {config["hidden_size"]}, '
        f'vision tower {vision["num_hidden_layers"]} of {vision["hidden_size"]}, '
        f'audio encoder {audio["encoder_layers"]} of {audio["d_model"]}.'
    )


def _stages(training: dict[str, dict]) -> str:
    """Return one line per stage of the recipe: how long it took on which hardware."""
    lines = ['`python -m training.nano.make` runs all stages, resumable and seeded.', '']
    for name, stage in training.items():
        details = ', '.join(f'{key} {value}' for key, value in stage.items())
        lines.append(f'* {name}: {details}')
    return '\n'.join(lines)


if __name__ == '__main__':
    write_model_card(Path(__file__).parents[2] / 'model' / 'nano')
