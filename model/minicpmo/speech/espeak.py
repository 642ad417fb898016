# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech by espeak-ng for models without a speech decoder.

``python -m minicpmo.speech.espeak "Good morning" out.wav`` speaks one text.
"""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import dataclass, replace
import logging
import os
from pathlib import Path
import re
import shutil
import signal
import subprocess
from typing import Optional

import numpy as np
import torch

from minicpmo.errors import ConfigurationError, MiniCPMOError
from minicpmo.speech.resample import resampled
from minicpmo.speech.spoken_text import SpokenText, speakable
from minicpmo.speech.token2wav_config import SAMPLE_RATE

PROGRAM = 'espeak-ng'
TIMEOUT = 5.0
"""Seconds after which a call counts as failed; it usually takes a few milliseconds."""
SPEEDS = (80, 450)
"""Slowest and fastest speaking rate of espeak-ng [words per minute]."""
PIECE_SECONDS = 1.1
"""Length of a piece after which the next one is there: a unit, and what its computing varies."""
SLOWEST = 0.65
"""Smallest share of the voice's own speed that still sounds natural."""
HEADER_BYTES, RATE_OFFSET = 44, 24
INT16_SCALE = 32768.0
_VOICE = re.compile(r'[a-z]{2,4}(-[A-Za-z0-9]+)*(\+[A-Za-z0-9]+)?')
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class EspeakVoice:
    """How espeak-ng sounds.

    name: language with an optional variant, such as 'en-us' or 'en+f3'. speed: words per minute,
    80 to 450. pitch: 0 to 99. amplitude: 0 to 200.
    """

    name: str = 'en-us'
    speed: int = 165
    pitch: int = 50
    amplitude: int = 100

    def __post_init__(self) -> None:
        """Raise ConfigurationError for a value that espeak-ng does not know."""
        if not _VOICE.fullmatch(self.name):
            raise ConfigurationError(
                f'voice {self.name!r} is not the name of an espeak-ng voice; see '
                f'"{PROGRAM} --voices"'
            )
        for name, value, low, high in (
            ('speed', self.speed, *SPEEDS),
            ('pitch', self.pitch, 0, 99),
            ('amplitude', self.amplitude, 0, 200),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ConfigurationError(
                    f'{name} {value!r} must be a whole number {low} to {high}'
                )

    def command(self, program: str) -> list[str]:
        """Return the call that reads UTF-8 text from standard input and writes a WAV stream."""
        options = ['-v', self.name, '-s', self.speed, '-p', self.pitch, '-a', self.amplitude]
        return [program, '--stdin', '--stdout', '-b', '1', '-z', *map(str, options)]


class EspeakSpeech:
    """Implements ``SpeechSynthesizer`` from the text of each unit.

    One process per piece of text: each starts from the same state, so that equal texts sound
    equal, and a crash costs one piece. The next process is started ahead and waits for its text,
    which never appears on a command line.

    A turn goes on one unit later, so a shorter piece of an open turn would leave a hole in it: it
    is spoken more slowly, as long as it stays natural.

    whole_words: no unit of the model ends inside a word; otherwise the last word of a unit is
        spoken with the next one.

    Raises:
        ConfigurationError: espeak-ng is not installed or does not know the voice.
    """

    sample_rate = SAMPLE_RATE
    flow_steps = 0

    def __init__(self, voice: Optional[EspeakVoice] = None, whole_words: bool = False) -> None:
        program = shutil.which(PROGRAM)
        if program is None:
            raise ConfigurationError(f'{PROGRAM} is not installed; run "apt install {PROGRAM}"')
        self._program, self._voice = program, voice or EspeakVoice()
        self._text = SpokenText(whole_words)
        self._process: Optional[subprocess.Popen[bytes]] = None
        self.failures = 0
        try:
            self._synthesize('a')
        except EspeakError as error:
            raise ConfigurationError(f'{PROGRAM} cannot speak: {error}') from error

    def speak(
        self,
        token_ids: list[int],
        hidden: Optional[torch.Tensor],
        text: str,
        end_of_turn: bool,
    ) -> np.ndarray:
        """Return the sound of the words completed by ``text``, float32 [samples] at 24 kHz.

        A failure of espeak-ng is logged and counted in ``failures``; the words are then not
        heard, or not slowed down, but the session goes on.
        """
        del token_ids, hidden
        due = speakable(self._text.push(text, end_of_turn))
        if not any(character.isalnum() for character in due):
            return np.zeros(0, np.float32)
        try:
            sound = self._synthesize(due)
            return sound if end_of_turn else self._filling(due, sound)
        except EspeakError as error:
            self.failures += 1
            _LOGGER.warning('%d characters are not spoken: %s', len(due), error)
            return np.zeros(0, np.float32)

    def set_flow_stride(self, stride: int) -> None:
        """Do nothing: no flow makes this sound."""

    def reset_turn(self, keep_decoder_context: bool) -> None:
        """Drop the word that is held back."""
        del keep_decoder_context
        self._text.reset()

    def reset(self) -> None:
        """Return to the state right after construction."""
        self._text.reset()
        self.failures = 0

    def close(self) -> None:
        """End the waiting process; idempotent."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)

    def __del__(self) -> None:
        """End the waiting process when the object is forgotten without ``close``."""
        if getattr(self, '_process', None) is not None:
            self.close()

    def _filling(self, text: str, sound: np.ndarray) -> np.ndarray:
        """Return the sound so slow that it lasts until the next unit, or as slow as is natural."""
        wanted = len(sound) / (PIECE_SECONDS * self.sample_rate)
        speed = round(self._voice.speed * max(wanted, SLOWEST))
        if speed >= self._voice.speed or speed < SPEEDS[0]:
            return sound
        try:
            return self._speak(self._start(speed), text)
        except EspeakError as error:
            self.failures += 1
            _LOGGER.warning('%d characters are not spoken more slowly: %s', len(text), error)
            return sound

    def _synthesize(self, text: str) -> np.ndarray:
        process, self._process = self._process or self._start(self._voice.speed), None
        sound = self._speak(process, text)
        self._process = self._start(self._voice.speed)
        return sound

    def _speak(self, process: subprocess.Popen[bytes], text: str) -> np.ndarray:
        """Return what a waiting process makes of the text."""
        try:
            output, complaint = process.communicate(text.encode(), timeout=TIMEOUT)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise EspeakError(f'no answer within {TIMEOUT:g} s') from error
        if process.returncode != 0 or len(output) < HEADER_BYTES:
            reason = complaint.decode(errors='replace').strip()
            raise EspeakError(f'exit status {process.returncode}, {reason or "no sound"}')
        return _samples(output)

    def _start(self, speed: int) -> subprocess.Popen[bytes]:
        command = replace(self._voice, speed=speed).command(self._program)
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # an interrupt of the terminal is for this process only
            )
        except OSError as error:
            raise EspeakError(f'cannot be started ({error})') from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it started, which could keep its pipes open."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


class EspeakError(MiniCPMOError):
    """One call of espeak-ng failed."""


def _samples(stream: bytes) -> np.ndarray:
    """Return the sound of a WAV stream at 24 kHz; its length field is not set by espeak-ng."""
    rate = int.from_bytes(stream[RATE_OFFSET : RATE_OFFSET + 4], 'little')
    body = stream[HEADER_BYTES : len(stream) - (len(stream) - HEADER_BYTES) % 2]
    values = np.frombuffer(body, '<i2').astype(np.float32) / INT16_SCALE
    return resampled(torch.from_numpy(values), rate, SAMPLE_RATE).clamp(-1, 1).numpy()


def main(arguments: Optional[list[str]] = None) -> None:
    """Speak one text into a WAV file."""
    import soundfile

    parser = argparse.ArgumentParser('python -m minicpmo.speech.espeak', description=main.__doc__)
    parser.add_argument('text', help='what to say')
    parser.add_argument('out', type=Path, help='WAV file to write')
    parser.add_argument('--voice', default=EspeakVoice.name)
    parser.add_argument('--speed', type=int, default=EspeakVoice.speed, help='words per minute')
    parser.add_argument('--pitch', type=int, default=EspeakVoice.pitch)
    options = parser.parse_args(arguments)
    try:
        speech = EspeakSpeech(EspeakVoice(options.voice, options.speed, options.pitch))
    except ConfigurationError as error:
        parser.exit(1, f'{error}\n')
    samples = speech.speak([], None, options.text, True)
    speech.close()
    soundfile.write(str(options.out), samples, SAMPLE_RATE)
    print(f'{options.out}: {len(samples) / SAMPLE_RATE:.2f} s')


if __name__ == '__main__':
    main()
