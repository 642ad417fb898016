# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Play held-out conversations to the real duplex session and print the table of bars.

``python -m training.nano.evaluate [--quick] [--out FILE]``: voices, wordings and rooms that
training never uses; people react to what the robot really says and when. Nothing is tuned here.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
import resource
import time

import numpy as np

from minicpmo.protocol import Session, Unit, UnitResult
from training.nano.audio_window import SoundBank
from training.nano.microphone import Microphone
from training.nano.observer import Observer
from training.nano.oracle import Action
from training.nano.pool_stage import write_development_pool, write_held_out_pool
from training.nano.progress import Progress
from training.nano.record import Record
from training.nano.renderer import render
from training.nano.request import Part
from training.nano.score import markdown, summary, table
from training.nano.script import STYLES, Conversation
from training.nano.script_audio import ScriptAudio
from training.nano.utterance import UtterancePool

CAMERA_SIZE = (640, 480)
SEEDS = {Part.HELD_OUT: 90_000_000, Part.DEVELOPMENT: 88_000_000}
_ROOT = Path(__file__).parents[2]
_WARM_UP_UNITS = 3  # not counted in the compute time


def open_session(model: Path) -> Session:
    """Return a session of the checkpoint with its own defaults, without sound."""
    from minicpmo.backend import load_backend  # takes seconds; the rest of the module does not

    return load_backend(model).prepare(seed=0, text_only=True)


def play(
    session: Session, audio: ScriptAudio, style: str, units: int, seed: int, part: Part
) -> Record:
    """Play one conversation; return what was noted."""
    rng = np.random.default_rng([SEEDS[part], seed])
    conversation = Conversation(rng, audio.pool, part, STYLES[style])
    microphone, observer, announced = Microphone(rng, audio), Observer(), 0
    session.reset()
    for unit in range(units):
        scene, hearing = conversation.listen(unit, observer)
        sounds = conversation.speaker.sounds
        for event in sounds[announced:]:
            microphone.add(event)
        announced = len(sounds)
        layout = conversation.household.layouts[conversation.household.layout]
        picture = render(layout, scene, rng, CAMERA_SIZE)
        entry = Unit(unit, microphone.next_second(), (picture,))
        result, seconds = _timed_step(session, entry)
        if unit >= _WARM_UP_UNITS:
            observer.record.seconds.append(seconds)
        observer.step(unit, scene, sounds, hearing.talk_over, result)
        action = Action(result.text, result.end_of_turn, result.yielded, observer.last_intent)
        conversation.follow(unit, action, observer)
    return observer.finish()


def _timed_step(session: Session, unit: Unit) -> tuple[UnitResult, float]:
    started = time.process_time()  # of all threads: other programs do not count
    result = session.step(unit)
    return result, time.process_time() - started


def evaluate(
    session: Session,
    audio: ScriptAudio,
    conversations: int,
    units: int,
    part: Part = Part.HELD_OUT,
) -> Record:
    """Play conversations of all styles in turn; the first seeds are the same for any number."""
    total, progress = Record(), Progress('evaluation', conversations)
    styles = tuple(STYLES)
    for index in range(conversations):
        total.extend(play(session, audio, styles[index % len(styles)], units, index, part))
        progress.update(index + 1)
    return total


def unseen_audio(cache: Path, part: Part = Part.HELD_OUT) -> ScriptAudio:
    """Return voices and sounds that training does not use; a missing pool is written."""
    development = part is Part.DEVELOPMENT
    folder = cache / ('development' if development else 'held_out')
    (write_development_pool if development else write_held_out_pool)(folder)
    return ScriptAudio(UtterancePool(folder), SoundBank(SEEDS[part], 60, held_out=True))


def peak_memory_mb() -> float:
    """Return the largest resident size of this process so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Run the evaluation from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--model', type=Path, default=_ROOT / 'model' / 'nano')
    parser.add_argument('--cache', type=Path, default=_ROOT / 'training/nano/cache/utterance')
    parser.add_argument('--quick', action='store_true', help='6 short conversations')
    parser.add_argument('--development', action='store_true', help='the set to decide by')
    parser.add_argument('--conversations', type=int, default=60)
    parser.add_argument('--units', type=int, default=180, help='seconds per conversation')
    parser.add_argument('--out', type=Path, help='write everything as JSON')
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.conversations, arguments.units = 6, 90
    session = open_session(arguments.model)
    part = Part.DEVELOPMENT if arguments.development else Part.HELD_OUT
    audio = unseen_audio(arguments.cache, part)
    record = evaluate(session, audio, arguments.conversations, arguments.units, part)
    memory = peak_memory_mb()
    print(markdown(table(record, memory)))
    if arguments.out:
        arguments.out.write_text(json.dumps(summary(record, memory), indent=1) + '\n')


if __name__ == '__main__':
    main()
