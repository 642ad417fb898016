# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from training.nano import phone
from training.nano.voice import SAMPLE_RATE, Voice, read_many, synthesize, synthesize_many

# s is a hiss and far above the sounds around it; the words have it in the middle
SENTENCE = 'A sea, a sea.'
VOICES = [
    Voice('espeak', 'en-us+m1'),
    Voice('espeak', 'en-gb-x-rp+f2', 1.2, 60, 1.1),
    Voice('flite', 'slt', 0.9, 0, 0.95),
    Voice('festival', 'voice_kal_diphone'),
]


def _hiss(sound: np.ndarray) -> np.ndarray:
    """Return the share of the power above 3 kHz in steps of 10 ms."""
    frames = sound[: len(sound) // 160 * 160].astype(float).reshape(-1, 160) * np.hanning(160)
    power = np.abs(np.fft.rfft(frames)) ** 2
    return power[:, 30:].sum(1) / (power.sum(1) + 1e-9)


@pytest.mark.parametrize('voice', VOICES, ids=lambda voice: f'{voice.engine} {voice.name}')
def test_the_phones_are_told_when_they_are_spoken(voice: Voice) -> None:
    reading = read_many([(voice, SENTENCE)])[0]
    names = [name for name, _ in reading.phones]
    ends = np.array([end for _, end in reading.phones])
    assert set(names) <= set(phone.PHONES)
    assert names.count('s') == 2 and names.count('iy') == 2
    assert (np.diff(ends) >= 0).all() and ends[-1] == len(reading.sound) / SAMPLE_RATE
    hiss, begins = _hiss(reading.sound), [0.0, *ends[:-1]]
    told = np.zeros(len(hiss), dtype=bool)
    for name, begin, end in zip(names, begins, ends, strict=True):
        told[round(begin * 100) : round(end * 100)] |= name == 's'
    loud = hiss > 0.5 * hiss.max()
    assert (loud & told).sum() > 0.6 * loud.sum()


def test_the_same_sentence_sounds_the_same_again() -> None:
    voice = Voice('espeak', 'en', 1.0, 40)
    texts = ('Hello.', 'Come here.', 'Hello.')
    first, other, again = synthesize_many([(voice, text) for text in texts])
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.array_equal(first, synthesize(voice, 'Hello.'))


def test_an_unknown_voice_is_named() -> None:
    with pytest.raises(RuntimeError, match="no voice 'xx-nobody'"):
        synthesize(Voice('espeak', 'xx-nobody'), 'Hello.')


@pytest.mark.parametrize(
    ('mnemonic', 'name'),
    [('3:', 'er'), ('tS', 'ch'), ('I2', 'ih'), ('a#', 'ax'), ('_:', 'pau'), ('r-', 'r'),
     ('oU', 'ow'), ('t[', 't'), ('', 'pau')],
)  # fmt: skip
def test_phonemes_of_espeak_have_their_arpabet_name(mnemonic: str, name: str) -> None:
    assert phone.of_espeak(mnemonic) == name
