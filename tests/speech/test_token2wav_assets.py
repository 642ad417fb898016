# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
import pickle

import pytest
from safetensors.torch import save_file
import torch

from minicpmo.errors import CheckpointError, ConfigurationError
from minicpmo.speech.causal_vocoder import CausalVocoder
from minicpmo.speech.flow_cache import Generation
from minicpmo.speech.token2wav import Token2Wav
from minicpmo.speech.token2wav_assets import generation_of, load_token2wav
from minicpmo.speech.token2wav_config import Token2WavConfig, VocoderConfig
from minicpmo.speech.vocoder import Vocoder

MANIFEST = Path(__file__).parents[1] / 'data' / 'manifest' / 'token2wav_manifest.json'


def expanded(part):
    """Return all names and shapes of one part of the manifest."""
    shapes = {}
    for name, entry in part.items():
        first, last = map(int, entry.get('i', '0..0').split('..'))
        for index in range(first, last + 1):
            shapes[name.replace('{i}', str(index))] = tuple(entry['shape'])
    return shapes


@pytest.mark.parametrize(
    ('generation', 'vocoder'),
    [(Generation.ORIGINAL, 'hift'), (Generation.CAUSAL, 'hift_causal')],
    ids=['original', 'causal'],
)
def test_names_and_shapes_equal_the_release(generation, vocoder):
    manifest = json.loads(MANIFEST.read_text())
    with torch.device('meta'):
        empty = Token2Wav.empty(Token2WavConfig(), generation)
    for name, module in (('flow', empty.flow), (vocoder, empty.vocoder)):
        found = {key: tuple(value.shape) for key, value in module.state_dict().items()}
        assert found == expanded(manifest[name])
        assert len(found) == manifest['counts'][f'{name}_tensors']


@pytest.fixture
def folder(recorded, tmp_path):
    """Return assets of the original generation, as .pt files with the official prefix."""
    flow = recorded.tensors('token2wav_flow.safetensors')
    hift = recorded.tensors('token2wav_hift.safetensors')
    torch.save(flow, tmp_path / 'flow.pt')
    torch.save(
        {f'generator.{name}': tensor for name, tensor in hift.items()}, tmp_path / 'hift.pt'
    )
    (tmp_path / 'sizes.json').write_text(json.dumps(recorded.config['token2wav']))
    return tmp_path


def sound(token2wav, prompt, codes):
    return token2wav.new_stream(token2wav.prepare_voice(prompt)).decode(codes(28), True)


def test_files_decide_the_generation(folder, recorded, prompt, codes):
    assert isinstance(load_token2wav(folder).vocoder, Vocoder)
    (folder / 'config.yaml').write_text('')
    (folder / 'hift_original.pt').write_bytes((folder / 'hift.pt').read_bytes())
    save_file(recorded.tensors('token2wav_hift_causal.safetensors'), folder / 'hift.safetensors')
    loaded = load_token2wav(folder)
    assert generation_of(folder) is Generation.CAUSAL
    assert isinstance(loaded.vocoder, CausalVocoder)
    assert torch.isfinite(sound(loaded, prompt, codes)).all()


def test_half_of_a_generation_is_refused(folder):
    (folder / 'config.yaml').write_text('')
    with pytest.raises(CheckpointError, match='hift_original.pt'):
        load_token2wav(folder)


def test_both_file_formats_sound_equal(folder, prompt, codes):
    from_pickle = sound(load_token2wav(folder), prompt, codes)
    for name in ('flow', 'hift'):
        save_file(torch.load(folder / f'{name}.pt'), folder / f'{name}.safetensors')
        (folder / f'{name}.pt').unlink()
    assert torch.equal(sound(load_token2wav(folder), prompt, codes), from_pickle)


def test_start_noise_follows_the_seed(folder, prompt, codes):
    first, same, other = (
        sound(load_token2wav(folder, seed=seed), prompt, codes) for seed in (1, 1, 2)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_every_wrong_tensor_is_named(folder):
    flow = torch.load(folder / 'flow.pt')
    del flow['encoder_proj.bias']
    flow['extra.weight'] = torch.zeros(1)
    flow['input_embedding.weight'] = torch.zeros(2, 3)
    torch.save(flow, folder / 'flow.pt')
    with pytest.raises(CheckpointError) as caught:
        load_token2wav(folder)
    for part in (
        'missing encoder_proj.bias',
        'surplus extra.weight',
        'input_embedding.weight is [2, 3] instead of [6561, 16]',
    ):
        assert part in str(caught.value)


def test_the_other_generation_is_refused(folder, recorded):
    save_file(recorded.tensors('token2wav_hift_causal.safetensors'), folder / 'hift.safetensors')
    with pytest.raises(CheckpointError, match='conv_pre'):
        load_token2wav(folder)


@pytest.mark.parametrize('keep', [0, 100, 50000])
@pytest.mark.parametrize('suffix', ['pt', 'safetensors'])
def test_truncated_files_are_refused(folder, keep, suffix):
    if suffix == 'safetensors':
        save_file(torch.load(folder / 'flow.pt'), folder / 'flow.safetensors')
    path = folder / f'flow.{suffix}'
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match='damaged'):
        load_token2wav(folder)


def test_missing_files_and_folders_are_refused(folder):
    (folder / 'flow.pt').unlink()
    with pytest.raises(CheckpointError, match='neither flow.safetensors nor flow.pt'):
        load_token2wav(folder)
    with pytest.raises(CheckpointError, match='no such folder'):
        load_token2wav(folder / 'nowhere')


class Bomb:
    """Would create a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.filterwarnings('ignore:Detected pickle protocol')
def test_code_in_a_pickle_is_never_executed(folder, tmp_path):
    mark = tmp_path / 'executed'
    (folder / 'flow.pt').write_bytes(pickle.dumps({'a': Bomb(mark)}))
    with pytest.raises(CheckpointError):
        load_token2wav(folder)
    torch.save({'a': Bomb(mark)}, folder / 'flow.pt')
    with pytest.raises(CheckpointError):
        load_token2wav(folder)
    assert not mark.exists()


def test_other_frame_lengths_are_refused():
    with pytest.raises(ConfigurationError, match='samples per frame'):
        VocoderConfig(upsample_rates=(8, 5, 2))
