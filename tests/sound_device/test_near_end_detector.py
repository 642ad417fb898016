# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The network that hears people beside the robot's echo, and when it is asked."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
import torch

from minicpmo_ros.errors import WorkspaceError
from minicpmo_ros.sound_device.audio_engine import AudioConfig, AudioEngine
from minicpmo_ros.sound_device.echo_canceller import EchoCancellation
from minicpmo_ros.sound_device.near_end_detector import (
    BANDS,
    HEARD_FRAMES,
    INPUTS,
    SIGNALS,
    WEIGHTS,
    EchoFrame,
    NearEndDetector,
    NearEndNetwork,
    band_features,
)
from minicpmo_ros.sound_device.speech_detector import SpeechDetector, level_dbfs


class Scripted:
    """A speech model that always says the same."""

    def __init__(self, probability=0.0):
        self.probability = probability
        self.resets = 0

    def process_chunk(self, audio):
        assert len(audio) == 1024
        return self.probability

    def reset(self):
        self.resets += 1


def frame(rendered=0, microphone=None):
    sound = np.zeros(512, np.int16) if microphone is None else microphone
    return EchoFrame(sound, sound, np.full(512, rendered, np.int16), np.zeros(BANDS, np.float32))


def test_numpy_and_torch_agree_on_the_shipped_weights():
    tensors = {name: torch.from_numpy(value).float() for name, value in load_file(WEIGHTS).items()}
    units = tensors['recurrent.weight_hh_l0'].shape[1]
    recurrent, output = torch.nn.GRU(INPUTS, units), torch.nn.Linear(units, 2)
    for module, prefix in ((recurrent, 'recurrent.'), (output, 'output.')):
        module.load_state_dict(
            {
                name.removeprefix(prefix): value
                for name, value in tensors.items()
                if name.startswith(prefix)
            }
        )
    inputs = np.random.default_rng(1).normal(0.0, 2.0, (40, INPUTS)).astype(np.float32)
    with torch.no_grad():
        given = (torch.from_numpy(inputs) - tensors['mean']) / tensors['scale']
        expected = output(recurrent(given)[0]).numpy()
    network = NearEndNetwork.load()
    found = np.array([network.step(row) for row in inputs])
    np.testing.assert_allclose(found, expected, atol=2e-3)
    network.reset()
    np.testing.assert_allclose(network.step(inputs[0]), expected[0], atol=2e-3)


def test_features_tell_the_bands_of_a_tone_and_its_level():
    tone = (8000 * np.sin(2 * np.pi * 900 * np.arange(512) / 16000)).astype(np.int16)
    features = band_features(frame(microphone=tone), tone)
    assert features.shape == ((SIGNALS + 1) * BANDS + SIGNALS,)
    assert features[:BANDS].argmax() == 6  # 800 to 1000 Hz
    louder = band_features(frame(microphone=2 * tone), 2 * tone)
    assert louder[6] - features[6] == pytest.approx(np.log10(4.0), abs=0.01)
    estimate = features[3 * BANDS : 4 * BANDS]  # microphone and residual are the same
    assert estimate.max() == pytest.approx(-6.0)


def test_is_asked_only_while_the_robot_is_heard():
    model = Scripted()
    detector, clean = NearEndDetector(NearEndNetwork.load(), model), np.zeros(512, np.int16)
    assert detector.process(frame(), clean, 0.9) is None
    assert detector.process(frame(rendered=1000), clean, 0.0) is not None
    resets = model.resets
    answers = [detector.process(frame(), clean, 0.0) for _ in range(HEARD_FRAMES + 3)]
    assert [answer is not None for answer in answers] == [True] * (HEARD_FRAMES - 1) + [False] * 4
    assert model.resets == resets + 1


def test_in_silence_of_the_robot_the_ordinary_detector_speaks():
    noise = np.random.default_rng(3).normal(0.0, 1000.0, 512).astype(np.int16)
    near_end = NearEndDetector(NearEndNetwork.load(), Scripted(0.0))
    detector = SpeechDetector(model=Scripted(0.7), near_end=near_end)
    detection = detector.process(0, noise, frame(microphone=noise))
    assert detection.probability == 0.7 and detection.level == level_dbfs(noise)
    beside = detector.process(512, noise, frame(1000, noise))
    assert beside.probability != 0.7


@pytest.mark.parametrize('damage', ['missing', 'text', 'tensor', 'shape'])
def test_unusable_weights_are_refused_at_the_start(tmp_path, damage):
    path = tmp_path / 'weights.safetensors'
    tensors = load_file(WEIGHTS)
    if damage == 'text':
        path.write_text('not a tensor')
    elif damage == 'tensor':
        save_file({'mean': tensors['mean']}, path)
    elif damage == 'shape':
        tensors['recurrent.weight_ih_l0'] = tensors['recurrent.weight_ih_l0'][:, :-1].copy()
        save_file(tensors, path)
    with pytest.raises(WorkspaceError, match='weights.safetensors'):
        NearEndNetwork.load(path)


def test_only_software_cancellation_needs_the_network(monkeypatch):
    def refuse():
        raise WorkspaceError('no weights')

    monkeypatch.setattr(NearEndNetwork, 'load', refuse)
    for kind in (EchoCancellation.NONE, EchoCancellation.HARDWARE, EchoCancellation.WEBRTC):
        AudioEngine(AudioConfig(echo_cancellation=kind))
    with pytest.raises(WorkspaceError):
        AudioEngine()
