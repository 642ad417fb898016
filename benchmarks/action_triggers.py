# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure how well phrases find the assistant's commitments on a written corpus.

python benchmarks/action_triggers.py [--skills config/skills.yaml] [--corpus FILE] [--errors]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
import json
from pathlib import Path
from typing import Optional

from minicpmo_ros.actions.argument import validate_arguments
from minicpmo_ros.actions.skill import Skill
from minicpmo_ros.actions.skill_file import load_skill_file
from minicpmo_ros.actions.trigger import SentenceBuffer, TriggerTable
from minicpmo_ros.errors import ArgumentError

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / 'benchmarks' / 'data' / 'action_sentences.tsv'


@dataclass(frozen=True)
class Example:
    """A sentence and the action it commits the robot to: (skill, arguments) or None."""

    sentence: str
    expected: Optional[tuple[str, dict]]


@dataclass
class Score:
    """Counts over a corpus. wrong: an action was found, but another one than expected."""

    hits: int = 0
    misses: int = 0
    wrong: int = 0
    false_hits: int = 0
    silent: int = 0


def read_corpus(path: Path) -> list[Example]:
    """Return the examples of a corpus file."""
    examples = []
    for line in path.read_text(encoding='utf-8').splitlines():
        if not line or line.startswith('#'):
            continue
        label, sentence = line.split('\t')
        name, _, arguments = label.partition(' ')
        examples.append(Example(sentence, None if name == '-' else (name, json.loads(arguments))))
    return examples


def find_action(table: TriggerTable, sentence: str) -> Optional[tuple[str, dict]]:
    """Return the action found in one utterance, with valid arguments, or None."""
    for part in SentenceBuffer().feed(1, sentence, last=True):
        for proposal in table.from_text(part, 1, 1):
            schemas = table.skills[proposal.skill].arguments
            try:
                return proposal.skill, validate_arguments(schemas, proposal.arguments)
            except ArgumentError:
                continue
    return None


def measure(skills: dict[str, Skill], examples: list[Example]) -> tuple[Score, list[str]]:
    """Return the counts and a line for every error."""
    table = TriggerTable(skills)
    score, errors = Score(), []
    for example in examples:
        found = find_action(table, example.sentence)
        if example.expected is None:
            kind = 'silent' if found is None else 'false_hits'
        elif found is None:
            kind = 'misses'
        else:
            kind = 'hits' if found == example.expected else 'wrong'
        setattr(score, kind, getattr(score, kind) + 1)
        if kind not in ('hits', 'silent'):
            errors.append(f'{kind}: {example.sentence!r} gave {found}')
    return score, errors


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--skills', type=Path, default=ROOT / 'config' / 'skills.yaml')
    parser.add_argument('--corpus', type=Path, default=CORPUS)
    parser.add_argument('--errors', action='store_true', help='list every error')
    options = parser.parse_args()
    skills = {k: replace(v, enabled=True) for k, v in load_skill_file(options.skills).items()}
    score, errors = measure(skills, read_corpus(options.corpus))
    wanted, unwanted = score.hits + score.misses + score.wrong, score.false_hits + score.silent
    print(f'sentences with an action     {wanted}')
    print(f'  right skill and arguments  {score.hits}')
    print(f'  missed                     {score.misses}')
    print(f'  wrong action               {score.wrong}')
    print(f'sentences without            {unwanted}')
    print(f'  false hits                 {score.false_hits}')
    if options.errors:
        print('\n'.join(errors))


if __name__ == '__main__':
    main()
