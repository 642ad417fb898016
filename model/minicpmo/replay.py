# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Play a recording to a duplex session: ``python -m minicpmo.replay FOLDER sound.wav``.

Prints one line per second: what the model decided, said, and how long each stage took.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
import sys
from typing import Optional

import numpy as np
from PIL import Image
import torch

from minicpmo.engine import Engine
from minicpmo.errors import InputError, MiniCPMOError
from minicpmo.protocol import INPUT_SAMPLE_RATE, Decision, Unit, UnitResult
from minicpmo.speech.resample import resampled
from minicpmo.speech.voice import read_clip


def read_sound(path: Path | str) -> np.ndarray:
    """Return a sound file as float32 [samples] at 16 kHz, channels averaged."""
    samples, rate = read_clip(path)
    return resampled(torch.from_numpy(samples.mean(axis=1)), rate, INPUT_SAMPLE_RATE).numpy()


def read_picture(path: Path | str) -> np.ndarray:
    """Return a picture file as uint8 [height, width, 3]; raises InputError."""
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert('RGB'))
    except OSError as error:
        raise InputError(f'{path}: not a readable picture ({error})') from error


def units_of(sound: np.ndarray, pictures: Sequence[np.ndarray]) -> Iterator[Unit]:
    """Yield the seconds of a sound, the last one padded; each shows the next picture."""
    seconds = -(-len(sound) // INPUT_SAMPLE_RATE)
    padded = np.pad(sound, (0, seconds * INPUT_SAMPLE_RATE - len(sound))).astype(np.float32)
    for index, audio in enumerate(padded.reshape(seconds, INPUT_SAMPLE_RATE)):
        shown = (pictures[index % len(pictures)],) if pictures else ()
        yield Unit(index, audio, shown)


def line_of(result: UnitResult) -> str:
    """Return one line about a unit."""
    spoken = result.decision is Decision.SPEAK
    marks = ''.join(
        mark
        for mark, present in (('>', result.turn_open), ('.', result.end_of_turn))
        if present and spoken
    )
    times = result.timings
    stages = f'{times.vision:.2f} {times.audio:.2f} {times.prefill:.2f} {times.decode:.2f}'
    return (
        f'{result.index:4d} {result.decision.value:<6} {marks:<2} {stages} {times.speech:.2f} s'
        f' {result.context_tokens:5d} {" ".join(result.text.split())}'
    )


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command; return 1 when the model or an input cannot be used."""
    parser = argparse.ArgumentParser(prog='python -m minicpmo.replay', description=__doc__)
    parser.add_argument('folder', help='model folder')
    parser.add_argument('sound', help='sound file; 16 kHz mono is taken as it is')
    parser.add_argument('--picture', action='append', default=[], help='shown in turn')
    parser.add_argument('--instruction', help='system prompt')
    parser.add_argument('--voice', default='none', help='auto, model, espeak or none')
    parser.add_argument('--greedy', action='store_true', help='take the likeliest token')
    parser.add_argument('--device', default='auto')
    parser.add_argument('--dtype', default='auto')
    options = parser.parse_args(arguments)
    try:
        sound = read_sound(options.sound)
        pictures = [read_picture(path) for path in options.picture]
        engine = Engine.load(options.folder, options.device, options.dtype)
        chosen = {'greedy': True} if options.greedy else {}
        session = engine.prepare(options.instruction, voice=options.voice, **chosen)
        print('unit decision  vision audio prefill decode speech, context, text')
        for unit in units_of(sound, pictures):
            print(line_of(session.step(unit)), flush=True)
    except MiniCPMOError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
