# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Synthetic voices from the distribution's speech synthesizers, some held out from training."""

from __future__ import annotations

from dataclasses import dataclass
import json
from pathlib import Path
import shutil
import subprocess
import tempfile

import numpy as np
import soundfile
import soxr

from training.nano import espeak_library, phone

SAMPLE_RATE = 16000
NORMAL_RMS = 0.05  # -26 dBFS, the level of speech close to the microphone

_ACCENTS = (
    'en', 'en-us', 'en-gb-x-gbclan', 'en-gb-x-rp', 'en-gb-x-gbcwmd', 'en-029', 'en-us-nyc',
)  # fmt: skip
_VARIANTS = (
    '', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm8', 'f1', 'f2', 'f3', 'f5', 'klatt', 'klatt2',
    'klatt4', 'adam', 'Alex', 'Alicia', 'Andrea', 'Annie', 'antonio', 'aunty', 'belinda',
    'benjamin', 'boris', 'caleb', 'david', 'Denis', 'Diogo', 'ed', 'Gene', 'Henrique', 'Hugo',
    'Jacky', 'john', 'Lee', 'linda', 'marcelo', 'max', 'Michel', 'miguel', 'pablo', 'paul',
    'pedro', 'quincy', 'rob', 'shelby', 'steph', 'travis', 'victor', 'grandma', 'grandpa',
    'Andy', 'AnxiousAndy', 'Gene2', 'Mike', 'Nguyen', 'RicishayMax', 'RicishayMax3', 'Storm',
    'announcer', 'croak', 'gustave', 'iven', 'iven2', 'iven4', 'kaukovalta', 'klatt5', 'zac',
    'Tweaky', 'steph3', 'michel',
)  # fmt: skip
_HELD_OUT_VARIANTS = ('m7', 'f4', 'anika', 'robert', 'Marco', 'klatt3', 'edward', 'steph2')
_DEVELOPMENT_VARIANTS = ('Michael', 'norbert', 'klatt6', 'iven3', 'Mario', 'sandro')
_HELD_OUT_ACCENTS = ('en-us', 'en-gb-scotland', 'en')
_FLITE = ('kal', 'kal16', 'awb', 'slt')
_FESTIVAL = ('voice_kal_diphone', 'voice_cmu_us_slt_arctic_hts')


@dataclass(frozen=True)
class Voice:
    """One way of speaking.

    engine: 'espeak', 'flite' or 'festival'.
    name: the engine's name of the voice.
    rate: speaking rate relative to the engine's normal rate.
    pitch: for espeak 0..99, for flite the mean f0 [Hz], 0 = the voice's own.
    resampling: playback speed factor (moves pitch and formants together), 1.0 = none.
    """

    engine: str
    name: str
    rate: float = 1.0
    pitch: int = 0
    resampling: float = 1.0


def draw_voice(rng: np.random.Generator, held_out: bool) -> Voice:
    """Return a random voice from the training set or from the disjoint held-out set."""
    engine = rng.choice(['espeak', 'flite', 'festival'], p=[0.6, 0.25, 0.15])
    rate = float(np.exp(rng.uniform(np.log(0.85), np.log(1.25))))
    resampling = float(np.exp(rng.uniform(-0.13, 0.13)))
    if engine == 'espeak':
        name = str(rng.choice(_HELD_OUT_ACCENTS if held_out else _ACCENTS))
        variant = str(rng.choice(_HELD_OUT_VARIANTS if held_out else _VARIANTS))
        name = f'{name}+{variant}' if variant else name
        return Voice('espeak', name, rate, int(rng.integers(25, 76)), resampling)
    if engine == 'flite':
        name = 'rms' if held_out else str(rng.choice(_FLITE))
        pitch = int(rng.integers(85, 220)) if rng.random() < 0.7 else 0
        return Voice('flite', name, rate, pitch, resampling)
    name = 'voice_ked_diphone' if held_out else str(rng.choice(_FESTIVAL))
    return Voice('festival', name, rate, 0, resampling)


def draw_development_voice(rng: np.random.Generator) -> Voice:
    """Return a random espeak voice that neither training nor the evaluation uses."""
    name = f'{rng.choice(_ACCENTS[:2])}+{rng.choice(_DEVELOPMENT_VARIANTS)}'
    rate = float(np.exp(rng.uniform(np.log(0.85), np.log(1.25))))
    resampling = float(np.exp(rng.uniform(-0.13, 0.13)))
    return Voice('espeak', name, rate, int(rng.integers(25, 76)), resampling)


def missing_programs() -> list[str]:
    """Return the synthesizers that are not installed."""
    return [name for name in ('espeak-ng', 'flite', 'festival') if shutil.which(name) is None]


@dataclass(frozen=True)
class Reading:
    """One sentence as a voice speaks it.

    sound: int16 [n] at 16 kHz with an RMS of ``NORMAL_RMS``, without silence at the ends.
    phones: (name out of ``phone.PHONES``, end [s]) in order; the last one ends with the sound.
    """

    sound: np.ndarray
    phones: tuple[tuple[str, float], ...]


def synthesize(voice: Voice, text: str) -> np.ndarray:
    """Speak one sentence; returns ``Reading.sound``."""
    return synthesize_many([(voice, text)])[0]


def synthesize_many(jobs: list[tuple[Voice, str]]) -> list[np.ndarray]:
    """Speak several sentences; returns ``Reading.sound`` of each."""
    return [reading.sound for reading in read_many(jobs)]


def read_many(jobs: list[tuple[Voice, str]]) -> list[Reading]:
    """Speak several sentences; those of espeak and of festival share a process."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f'{index}.wav' for index in range(len(jobs))]
        places = [(voice, text, path) for (voice, text), path in zip(jobs, paths, strict=True)]
        espeak = [
            (voice.name, round(165 * voice.rate), voice.pitch, text, str(path))
            for voice, text, path in places
            if voice.engine == 'espeak'
        ]
        if espeak:
            espeak_library.write_all(espeak)
        festival = [_festival_line(*place) for place in places if place[0].engine == 'festival']
        if festival:
            script = Path(folder) / 'speak.scm'
            script.write_text('\n'.join(festival))
            subprocess.run(['festival', '-b', str(script)], check=True, capture_output=True)
        return [_read(*place) for place in places]


def _read(voice: Voice, text: str, path: Path) -> Reading:
    """Return the reading of one sentence; flite speaks it now, the others have spoken."""
    if voice.engine == 'espeak':
        told = json.loads(Path(f'{path}.json').read_text())
        phones = [(phone.of_espeak(name), end) for name, end in told]
    elif voice.engine == 'flite':
        command = _flite_command(voice, text, path)
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        segments = (part.rsplit(':', 1) for part in told.split())
        phones = [(phone.of_festival(name), float(end)) for name, end in segments]
    else:
        lines = path.with_suffix('.lab').read_text().splitlines()[1:]
        phones = [(phone.of_festival(line.split()[2]), float(line.split()[0])) for line in lines]
    sound, rate = soundfile.read(path, dtype='float32')
    return _reading(sound, rate, voice.resampling, phones)


def _flite_command(voice: Voice, text: str, path: Path) -> list[str]:
    command = ['flite', '-voice', voice.name, '-psdur']
    command += ['--setf', f'duration_stretch={1 / voice.rate:.3f}']
    if voice.pitch:
        command += ['--setf', f'int_f0_target_mean={voice.pitch}']
    return [*command, '-t', text, '-o', str(path)]


def _festival_line(voice: Voice, text: str, path: Path) -> str:
    plain = text.replace('"', ' ').replace('\\', ' ')
    return (
        f"({voice.name})(Parameter.set 'Duration_Stretch {1 / voice.rate:.3f})"
        f'(set! said (utt.synth (Utterance Text "{plain}")))'
        f'(utt.save.wave said "{path}" \'riff)(utt.save.segs said "{path.with_suffix(".lab")}")'
    )


def _reading(
    sound: np.ndarray, rate: int, resampling: float, phones: list[tuple[str, float]]
) -> Reading:
    """Return the reading resampled and trimmed; the phones' ends [s] are of the raw sound."""
    sound = soxr.resample(sound, rate * resampling, SAMPLE_RATE)
    first, last = loud_part(sound)
    begin, length = first / SAMPLE_RATE, (last - first) / SAMPLE_RATE
    moved = [(name, end / resampling - begin) for name, end in phones]
    kept = [(name, min(round(end, 3), length)) for name, end in moved if end > 0]
    if kept:
        kept[-1] = (kept[-1][0], length)
    return Reading(normalize(sound[first:last]), tuple(kept))


def loud_part(sound: np.ndarray) -> tuple[int, int]:
    """Return begin and end without silence at the ends (-40 dB re the peak, 10 ms steps)."""
    frames = np.abs(sound[: len(sound) // 160 * 160]).reshape(-1, 160).max(axis=1)
    loud = np.nonzero(frames > 0.01 * max(frames.max(initial=0.0), 1e-6))[0]
    if not len(loud):
        return 0, len(sound)
    return int(loud[0]) * 160, int(loud[-1] + 1) * 160


def normalize(sound: np.ndarray) -> np.ndarray:
    """Return int16 with an RMS of ``NORMAL_RMS`` over the loud half of the sound."""
    power = np.sort(sound.astype(np.float64) ** 2)[len(sound) // 2 :]
    rms = np.sqrt(power.mean() / 2) if len(power) else 0.0
    scaled = sound * (NORMAL_RMS / max(rms, 1e-6))
    return (np.clip(scaled, -1, 1) * 32767).astype(np.int16)
