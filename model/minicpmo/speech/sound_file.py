# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech codes from a text file to a sound file, through the streaming path.

``python -m minicpmo.speech.sound_file CODES.txt OUT.wav --assets DIR --voice VOICE``
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Optional

import numpy as np

from minicpmo.errors import CheckpointError, InputError
from minicpmo.speech.code_buffer import CodeBuffer
from minicpmo.speech.code_stream import CODES_PER_UNIT
from minicpmo.speech.sound_stream import SoundStream
from minicpmo.speech.token2wav import Token2Wav
from minicpmo.speech.token2wav_assets import load_token2wav
from minicpmo.speech.token2wav_config import SAMPLE_RATE
from minicpmo.speech.voice import Voice


def spoken(token2wav: Token2Wav, voice: Voice, codes: list[int]) -> np.ndarray:
    """Return one turn of codes as sound, float32 [samples] at 24 kHz, decoded unit by unit.

    Raises:
        InputError: a code or the voice does not fit the flow.
    """
    stream = token2wav.new_stream(token2wav.prepare_voice(voice.prompt))
    sound = SoundStream(stream, CodeBuffer())
    units = range(0, len(codes), CODES_PER_UNIT)
    pieces = [sound.push(codes[i : i + CODES_PER_UNIT], end_of_turn=False) for i in units]
    return np.concatenate((*pieces, sound.push([], end_of_turn=True)))


def read_codes(path: Path) -> list[int]:
    """Return the whole numbers of a text file.

    Raises:
        InputError: the file is missing or holds something else.
    """
    try:
        return [int(word) for word in path.read_text('utf-8').replace(',', ' ').split()]
    except (OSError, ValueError) as error:
        raise InputError(f'{path}: not a list of speech codes ({error})') from error


def main(arguments: Optional[list[str]] = None) -> None:
    """Make sound of speech codes."""
    import soundfile

    parser = argparse.ArgumentParser(
        'python -m minicpmo.speech.sound_file', description=main.__doc__
    )
    parser.add_argument('codes', type=Path, help='text file with speech codes, 25 per second')
    parser.add_argument('out', type=Path, help='sound file to write')
    parser.add_argument('--assets', type=Path, required=True, help='folder assets/token2wav')
    parser.add_argument('--voice', type=Path, required=True, help='voice file (.safetensors)')
    parser.add_argument('--device', default='cpu')
    options = parser.parse_args(arguments)
    try:
        voice, codes = Voice.load(options.voice), read_codes(options.codes)
        samples = spoken(load_token2wav(options.assets, options.device), voice, codes)
    except (InputError, CheckpointError) as error:
        parser.exit(1, f'{error}\n')
    soundfile.write(str(options.out), samples, SAMPLE_RATE)
    print(f'{options.out}: {len(samples) / SAMPLE_RATE:.2f} s')


if __name__ == '__main__':
    main()
