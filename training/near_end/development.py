# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trials of barge-in with people and sentences that neither train nor measure.

python -m training.near_end.development [--trials N] [--scenes WORD ...]

Choices about the detector are made here, so that benchmarks/barge_in.py stays a test.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
import time

import numpy as np

from benchmarks.barge_in import SYSTEMS
from benchmarks.barge_in_simulation.material import Cast, Material
from benchmarks.barge_in_simulation.measure import measure
from benchmarks.barge_in_simulation.record import Record
from benchmarks.barge_in_simulation.report import table
from benchmarks.barge_in_simulation.scenario import SCENARIOS, Scenario
from benchmarks.barge_in_simulation.trial import Trial
from training.nano.voice import Voice, draw_development_voice

FIRST_NUMBER = 10000
VOICE_SEED = 20
VOICES = 24
ROBOTS = (
    Voice('espeak', 'en+f1', 1.0, 45),
    Voice('espeak', 'en-us+steph', 1.0, 50),
    Voice('espeak', 'en-gb-x-rp+Alicia', 1.05, 50),
    Voice('espeak', 'en+m4', 1.0, 40),
    Voice('flite', 'slt', 0.95, 0, 0.95),
    Voice('flite', 'kal', 1.0, 130, 1.05),
    Voice('festival', 'voice_cmu_us_slt_arctic_hts', 1.0, 0, 1.05),
)
ANSWERS = (
    'The train to the coast leaves at twenty past nine from the far platform. You have to change'
    ' once, in the old town, and the whole journey takes a little less than three hours.',
    'Your sister phoned this morning. She has found the photographs you were looking for, and she'
    ' would like to bring them along when she visits on the weekend with the children.',
    'For the soup we still need two onions, some cream and a bunch of parsley. Everything else is'
    ' in the pantry, and the large pot stands on the lowest shelf behind the flour.',
    'The washing machine will be ready in about forty minutes. After that I would hang the shirts'
    ' in the garden, because the sun comes out again and it is quite windy today.',
    'The museum is closed on Mondays, but the gallery across the street is open until six. They'
    ' show paintings of boats and harbours, and the entrance is free for pensioners.',
)
INTERRUPTIONS = (
    'Stop for a second, I have another question.',
    'No no, you misunderstood what I wanted.',
    'Could you please speak a bit louder?',
    'Okay, but what about the evening then?',
    'Forget it, I will do that on my own.',
    'Just a minute, the telephone is ringing.',
    'Where did you get that from, actually?',
    'Thanks, I already know all about it.',
    'Let me see the list before you go on.',
)
CAST = Cast(
    users=tuple(
        draw_development_voice(random)
        for random in [np.random.default_rng(VOICE_SEED)]
        for _ in range(VOICES)
    ),
    robots=ROBOTS,
    answers=ANSWERS,
    interruptions=INTERRUPTIONS,
    questions=('How do I get there?', 'Did anybody call?', 'What do we need?', 'Is it open?'),
    backchannels=('Hm.', 'Aha.', 'Yes yes.', 'Oh.', 'Fine.', 'Alright.', 'Of course.', 'No.'),
    broadcast=(
        'And now the traffic report. On the motorway to the south there is a jam of eleven'
        ' kilometres behind the second tunnel. Drivers are asked to take the road along the lake,'
        ' where the works have been finished last week, and to drive carefully in the fog.',
        'Today we cook a stew with beans and sausages. First cut the vegetables into small cubes,'
        ' then fry them in a little butter until they are golden, and add the broth slowly while'
        ' you stir. My grandmother always took a spoon of honey at the very end.',
    ),
    conversation=(
        'I put your coat into the other wardrobe.',
        'Shall we call them tonight or tomorrow?',
        'The neighbours have a new dog, did you notice?',
    ),
)


def records(scenario: Scenario, material: Material, first: int = FIRST_NUMBER) -> list[Record]:
    """Return what this package does in all trials of a scene."""
    return [
        Trial(scenario, first + number, material, CAST).run(SYSTEMS[0])
        for number in range(scenario.trials)
    ]


def main() -> None:
    """Run the scenes and print the benchmark's table of them."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--trials', type=int, default=24)
    parser.add_argument('--scenes', nargs='*', default=[], metavar='WORD')
    options = parser.parse_args()
    material, rows = Material(), []
    for scenario in SCENARIOS:
        words = options.scenes or [scenario.name]
        if any(word in scenario.name for word in words):
            trials = min(options.trials, 2) if scenario.monologue else options.trials
            chosen = replace(scenario, trials=trials, monologue=min(scenario.monologue, 60.0))
            rows.append(measure(chosen, records(chosen, material)).to_dict())
            print(f'{scenario.name}: {time.process_time():.0f} s', flush=True)
    print(table({SYSTEMS[0].name: rows}))


if __name__ == '__main__':
    main()
