# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""espeak-ng as a library: one sentence in milliseconds, with the time of every phoneme.

The program does not tell when it speaks which phoneme; the library (speak_lib.h) does.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
from pathlib import Path
import subprocess
import sys

import numpy as np
import soundfile

_LIBRARY = 'libespeak-ng.so.1'
_SYNCHRONOUS, _PHONEME_EVENTS = 2, 1  # espeak_AUDIO_OUTPUT, option bit
_RATE, _PITCH = 1, 3  # espeak_PARAMETER
_UTF8 = 1
_TERMINATED, _PHONEME = 0, 7  # espeak_EVENT_TYPE
_ROOT = Path(__file__).parents[2]


class _Identity(ctypes.Union):
    _fields_ = [
        ('number', ctypes.c_int),
        ('name', ctypes.c_char_p),
        ('string', ctypes.c_char * 8),
    ]


class _Event(ctypes.Structure):
    _fields_ = [
        ('type', ctypes.c_int),
        ('unique_identifier', ctypes.c_uint),
        ('text_position', ctypes.c_int),
        ('length', ctypes.c_int),
        ('audio_position', ctypes.c_int),
        ('sample', ctypes.c_int),
        ('user_data', ctypes.c_void_p),
        ('id', _Identity),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Speaker:
    """The loaded library and what the sentence being spoken has given so far."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(_LIBRARY)
        self.rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
        if self.rate <= 0:
            raise OSError(f'{_LIBRARY} does not start; install espeak-ng again')
        self._sound: list[bytes] = []
        self._phonemes: list[tuple[str, int]] = []
        self._callback = _Callback(self._take)  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples, count: int, events) -> int:
        if count > 0:
            self._sound.append(ctypes.string_at(samples, 2 * count))
        index = 0
        while events[index].type != _TERMINATED:
            if events[index].type == _PHONEME:
                name = bytes(events[index].id.string).decode('utf-8', 'replace')
                self._phonemes.append((name, events[index].sample))
            index += 1
        return 0

    def speak(
        self, voice: str, words_per_minute: int, pitch: int, text: str
    ) -> tuple[np.ndarray, list[tuple[str, int]]]:
        """Return int16 [n], and (mnemonic, first sample) of every phoneme."""
        self._sound, self._phonemes = [], []
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f'espeak-ng has no voice {voice!r}; see espeak-ng --voices')
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        words = text.encode()
        self._library.espeak_Synth(words, len(words) + 1, 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        return np.frombuffer(b''.join(self._sound), dtype='<i2'), self._phonemes


def speak(
    voice: str, words_per_minute: int, pitch: int, text: str
) -> tuple[np.ndarray, int, list[tuple[str, float]]]:
    """Speak one sentence; the first one of a process always sounds the same.

    Returns:
        int16 [n], its sample rate [Hz], and (phoneme mnemonic, end [s]) in order.

    Raises:
        OSError: the library is not there.
        ValueError: there is no such voice.
    """
    speaker = _speaker()
    sound, phonemes = speaker.speak(voice, words_per_minute, pitch, text)
    ends = [*(begin for _, begin in phonemes[1:]), len(sound)]
    timed = [(name, end / speaker.rate) for (name, _), end in zip(phonemes, ends, strict=True)]
    return sound, speaker.rate, timed


@functools.cache
def _speaker() -> _Speaker:
    return _Speaker()


def write_all(jobs: list[tuple[str, int, int, str, str]]) -> None:
    """Speak (voice, words per minute, pitch, text, path); write WAV files and their phonemes.

    The phonemes of ``path`` are (mnemonic, end [s]) in ``path.json``.

    The library keeps something of every sentence in its state. Each one is spoken by a new child
    of a process that has not spoken, so its sound does not depend on what else is spoken.

    Raises:
        RuntimeError: a child failed; its message is on stderr.
    """
    command = [sys.executable, '-m', __name__]
    told = subprocess.run(
        command, input=json.dumps(jobs), text=True, stderr=subprocess.PIPE, cwd=_ROOT, check=False
    )
    if told.returncode:
        raise RuntimeError(f'espeak-ng failed: {told.stderr.strip()}')


def _write(voice: str, words_per_minute: int, pitch: int, text: str, path: str) -> None:
    sound, rate, phonemes = speak(voice, words_per_minute, pitch, text)
    soundfile.write(path, sound, rate)
    Path(f'{path}.json').write_text(json.dumps(phonemes))


def _main() -> int:
    _speaker()
    for job in json.load(sys.stdin):
        child = os.fork()
        if not child:
            status = 1
            try:
                _write(*job)
                status = 0
            except (OSError, ValueError) as error:
                print(error, file=sys.stderr, flush=True)
            finally:
                os._exit(status)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            return 1
    return 0


if __name__ == '__main__':
    sys.exit(_main())
