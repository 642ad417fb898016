# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import subprocess

import numpy as np
import pytest
import soundfile
import soxr

from minicpmo_ros.errors import ParameterError
from minicpmo_ros.stop_phrase.log_mel import BANDS
from minicpmo_ros.stop_phrase.network import FRAMES, StopPhraseNetwork
from minicpmo_ros.stop_phrase.spotter import StopPhraseSpotter


def speak(folder, voice, text):
    """Return int16 at 16 kHz with a second of silence on each side."""
    path = folder / 'speech.wav'
    subprocess.run(['espeak-ng', '-v', voice, '-w', str(path), text], check=True)
    samples, rate = soundfile.read(path, dtype='float32')
    samples = soxr.resample(samples, rate, 16000) * 0.4
    padded = np.concatenate([np.zeros(16000), samples, np.zeros(16000)])
    noise = np.random.default_rng(1).normal(0.0, 3e-4, padded.size)
    return ((padded + noise) * 32767).astype(np.int16)


def found(samples, spotter=None):
    spotter = spotter or StopPhraseSpotter()
    results = [spotter.process(samples[at : at + 512]) for at in range(0, samples.size, 512)]
    return [result.phrase for result in results if result]


@pytest.mark.parametrize(
    'voice, text, phrase',
    [
        ('en+m7', 'Stop!', 'stop'),
        ('en-us+f4', 'Be quiet!', 'be quiet'),
        ('es+m7', '¡Silencio!', 'silencio'),
        ('fr+f4', 'Tais-toi !', 'tais-toi'),
    ],
)
def test_phrases_of_voices_that_training_never_heard(tmp_path, voice, text, phrase):
    assert found(speak(tmp_path, voice, text)) == [phrase]


@pytest.mark.parametrize(
    'text',
    [
        'The kitchen is on the left, behind the second door.',
        'It will rain in the afternoon, and the wind comes from the west.',
        'Could you tell me the time, please?',
    ],
)
def test_sentences_are_no_phrase(tmp_path, text):
    assert found(speak(tmp_path, 'en-us+m3', text)) == []


def test_silence_and_noise_are_no_phrase():
    random = np.random.default_rng(2)
    assert found(np.zeros(32000, np.int16)) == []
    assert found(random.normal(0, 3000, 64000).astype(np.int16)) == []


def test_only_the_wanted_phrases_count(tmp_path):
    samples = speak(tmp_path, 'en+m7', 'Stop!')
    assert found(samples, StopPhraseSpotter(['be quiet'])) == []


def test_unknown_phrases_are_refused_with_those_known():
    with pytest.raises(ParameterError, match='open sesame.*stop'):
        StopPhraseSpotter(['open sesame'])


def test_numpy_equals_torch():
    torch = pytest.importorskip('torch')
    from minicpmo_ros.stop_phrase.network import normalized
    from training.stop_phrase.__main__ import StopPhraseModule

    torch.manual_seed(3)
    module = StopPhraseModule(4)
    tensors = {name: value.numpy() for name, value in module.state_dict().items()}
    network = StopPhraseNetwork(tensors, ('a', 'b', 'c'))
    window = np.random.default_rng(4).normal(-5.0, 3.0, (FRAMES, BANDS)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(normalized(window))[None]).softmax(dim=1)[0].numpy()
    np.testing.assert_allclose(network.probabilities(window), expected, atol=1e-5)


def test_weights_and_phrases_must_fit():
    with pytest.raises(ValueError, match='3 classes for 1 phrases'):
        StopPhraseNetwork({'output.bias': np.zeros(3)}, ('a',))
