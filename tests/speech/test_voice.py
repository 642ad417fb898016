# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
import soundfile
import torch

from minicpmo.errors import CheckpointError, InputError
from minicpmo.speech import voice as voice_module
from minicpmo.speech.onnx_model import SPEAKER_FILE, TOKENIZER_FILE, ClipAnalyser
from minicpmo.speech.voice import FORMAT, Voice, read_clip


class CountingAnalyser:
    """One code per 40 ms, and a vector that names the length."""

    def codes(self, clip):
        return tuple(index % 6561 for index in range(-(-len(clip) // 640)))

    def speaker(self, clip):
        return torch.full((192,), float(len(clip)))


def clip(seconds=2.0, rate=16000, channels=1):
    return 0.1 * np.random.default_rng(0).standard_normal((round(seconds * rate), channels))


@pytest.fixture
def voice():
    return Voice.from_clip(clip(2.53), 16000, CountingAnalyser())


def test_parts_fit_each_other(voice):
    assert len(voice.prompt.codes) == 64
    assert voice.prompt.mel.shape == (128, 80)
    assert voice.prompt.speaker.shape == (192,)
    assert voice.reference.shape == (40480,)


@pytest.mark.parametrize('rate', [16000, 24000, 44100])
def test_any_rate_gives_the_same_sizes(rate):
    voice = Voice.from_clip(clip(2.0, rate, 2).astype(np.float32), rate, CountingAnalyser())
    assert voice.reference.shape == (32000,)
    assert voice.prompt.mel.shape == (100, 80)


def test_first_channel_is_analysed_and_their_mean_is_imitated():
    left, right = clip(2.0, 24000, 2).T
    both = Voice.from_clip(np.stack((left, right), 1), 24000, CountingAnalyser())
    first = Voice.from_clip(left, 24000, CountingAnalyser())
    mean = Voice.from_clip((left + right) / 2, 24000, CountingAnalyser())
    torch.testing.assert_close(both.reference, first.reference)
    torch.testing.assert_close(both.prompt.mel, mean.prompt.mel, atol=1e-4, rtol=1e-4)


def test_saved_voice_is_equal_and_sounds_equal(voice, original, codes, tmp_path):
    voice.save(tmp_path / 'voice.safetensors')
    loaded = Voice.load(tmp_path / 'voice.safetensors')
    assert loaded.prompt.codes == voice.prompt.codes
    for name in ('mel', 'speaker'):
        assert torch.equal(getattr(loaded.prompt, name), getattr(voice.prompt, name))
    assert torch.equal(loaded.reference, voice.reference)
    sounds = [
        original.new_stream(original.prepare_voice(one.prompt)).decode(codes(20), True)
        for one in (voice, loaded)
    ]
    assert torch.equal(*sounds)


@pytest.mark.parametrize(
    ('samples', 'rate', 'message'),
    [
        (np.zeros(0, np.float32), 16000, 'empty'),
        (np.zeros((2, 16000, 1)), 16000, 'floats'),
        (np.zeros(32000, np.int16), 16000, 'floats'),
        (np.full(32000, np.nan), 16000, 'NaN'),
        (np.full(32000, np.inf), 16000, 'infinity'),
        (np.zeros(8000), 16000, '0.5 s'),
        (np.zeros(16000 * 40), 16000, '40.0 s'),
        (np.zeros(32000), 0, 'cut it'),
        (np.zeros(8000), 4000, '4000 Hz'),
    ],
)
def test_bad_clips_are_refused(samples, rate, message):
    with pytest.raises(InputError, match=message):
        Voice.from_clip(samples, rate, CountingAnalyser())


def test_damaged_files_are_refused(voice, tmp_path):
    path = tmp_path / 'voice.safetensors'
    with pytest.raises(CheckpointError, match='no such voice file'):
        Voice.load(path)
    voice.save(path)
    whole = path.read_bytes()
    for keep in (0, 7, 200, len(whole) - 1):
        path.write_bytes(whole[:keep])
        with pytest.raises(CheckpointError, match='damaged'):
            Voice.load(path)
    save_file({'codes': torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match='not a voice file'):
        Voice.load(path)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('codes', torch.zeros(64)),
        ('codes', torch.zeros(63, dtype=torch.int32)),
        ('codes', torch.zeros(8, 8, dtype=torch.int32)),
        ('mel', torch.full((128, 80), torch.nan)),
        ('speaker', torch.zeros(192, dtype=torch.float16)),
        ('reference', None),
    ],
)
def test_files_with_wrong_parts_are_refused(voice, tmp_path, name, value):
    path = tmp_path / 'voice.safetensors'
    voice.save(path)
    tensors = load_file(path)
    if value is None:
        del tensors[name]
    else:
        tensors[name] = value
    save_file(tensors, path, metadata={'format': FORMAT})
    with pytest.raises(CheckpointError, match='prepare the voice again'):
        Voice.load(path)


def test_missing_runtime_names_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(CheckpointError, match='pip install onnxruntime'):
        ClipAnalyser(tmp_path)


@pytest.fixture
def runtime(monkeypatch, tmp_path):
    """Stand in for onnxruntime: the tokenizer counts frames, the speaker model sums features."""

    class InferenceSession:
        def __init__(self, path, sess_options, providers):
            assert providers == ['CPUExecutionProvider']
            if open(path, 'rb').read() == b'broken':
                raise ValueError('not a graph')
            self.path = path

        def get_inputs(self):
            names = ['feats', 'length'] if self.path.endswith(TOKENIZER_FILE) else ['input']
            return [SimpleNamespace(name=name) for name in names]

        def run(self, outputs, feeds):
            if 'length' in feeds:
                assert feeds['feats'].shape[:2] == (1, 128)
                assert feeds['length'].dtype == np.int32
                return [np.arange(feeds['length'][0] // 4, dtype=np.int64)[None]]
            assert feeds['input'].shape[2] == 80
            return [np.full((1, 192), feeds['input'].shape[1], np.float64)]

    module = ModuleType('onnxruntime')
    module.InferenceSession = InferenceSession
    module.SessionOptions = SimpleNamespace
    monkeypatch.setitem(sys.modules, 'onnxruntime', module)
    for name in (TOKENIZER_FILE, SPEAKER_FILE):
        (tmp_path / name).write_bytes(b'graph')
    return tmp_path


def test_models_get_their_features(runtime):
    analyser = ClipAnalyser(runtime)
    samples = torch.randn(32000)
    assert analyser.codes(samples) == tuple(range(50))
    assert torch.equal(analyser.speaker(samples), torch.full((192,), 198.0))


def test_missing_and_broken_models_are_named(runtime):
    (runtime / SPEAKER_FILE).write_bytes(b'broken')
    with pytest.raises(CheckpointError, match=f'{SPEAKER_FILE}.*not a graph'):
        ClipAnalyser(runtime)
    (runtime / SPEAKER_FILE).unlink()
    with pytest.raises(CheckpointError, match=f'{SPEAKER_FILE}: missing'):
        ClipAnalyser(runtime)


def test_command_line_prepares_a_voice(runtime, tmp_path, capsys):
    sound = tmp_path / 'clip.wav'
    soundfile.write(str(sound), clip(3.0, 24000), 24000)
    out = tmp_path / 'voice.safetensors'
    voice_module.main([str(sound), str(out), '--assets', str(runtime), '--seconds', '2'])
    assert len(Voice.load(out).prompt.codes) == 50
    assert '50 codes' in capsys.readouterr().out
    (tmp_path / 'bad.wav').write_bytes(b'RIFF')
    with pytest.raises(SystemExit):
        voice_module.main([str(tmp_path / 'bad.wav'), str(out), '--assets', str(runtime)])


def test_unreadable_sound_files_are_refused(tmp_path):
    with pytest.raises(InputError, match='not a readable sound file'):
        read_clip(tmp_path / 'nowhere.wav')
