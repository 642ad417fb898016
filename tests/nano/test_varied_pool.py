# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

import json

import numpy as np
import pytest

from training.nano.utterance import UtterancePool
from training.nano.varied_pool import VariedPool


@pytest.fixture
def pool(tmp_path) -> VariedPool:
    entry = {
        'kind': 'request',
        'text': 'Hello.',
        'spoken': 'Hello.',
        'voice': {'engine': 'none'},
        'samples': 16000,
        'phones': [['hh', 0.2], ['ow', 1.0]],
    }
    (tmp_path / 'index.json').write_text(json.dumps([entry]))
    tone = (8000 * np.sin(np.arange(16000) * 2 * np.pi * 400 / 16000)).astype(np.int16)
    (tmp_path / 'samples.i16').write_bytes(tone.tobytes())
    return VariedPool(UtterancePool(tmp_path))


def test_length_phones_and_pitch_change_together(pool):
    lengths = set()
    for seed in range(60):
        reading = pool.pick(np.random.default_rng(seed), 'Hello.')
        sound, phones = pool.audio(reading.index), pool.phones(reading.index)
        assert len(sound) == pytest.approx(reading.seconds * 16000, abs=2)
        assert phones[-1] == ('ow', pytest.approx(reading.seconds))
        assert phones[0][1] == pytest.approx(0.2 * reading.seconds)
        loudest = np.abs(np.fft.rfft(sound)).argmax() / len(sound) * 16000
        assert loudest == pytest.approx(400 / reading.seconds, rel=0.02)
        lengths.add(len(sound))
    assert len(lengths) == 9
    assert 16000 in lengths


def test_an_unknown_sentence_is_refused(pool):
    with pytest.raises(KeyError, match='Goodbye'):
        pool.pick(np.random.default_rng(0), 'Goodbye.')
