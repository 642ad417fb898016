# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Strict loading: equality with the full manifest, and every kind of broken folder."""

import json
from pathlib import Path
import shutil

import pytest
from safetensors.torch import load_file, save_file
import torch

from minicpmo.checkpoint import empty_model, expected_shapes, load_model, save_model
from minicpmo.config import ModelConfig
from minicpmo.errors import CheckpointError
from minicpmo.shard import INDEX_FILE

DATA = Path(__file__).parents[1] / 'data'
TINY = DATA / 'minicpmo45'


def full_config() -> ModelConfig:
    """Return the configuration of the full model from its documented values."""
    document = json.loads((DATA / 'manifest' / 'config_full.json').read_text(encoding='utf-8'))
    plain = {
        section: {k: v['value'] for k, v in document[section].items() if v['value'] != 'unknown'}
        for section in ('llm', 'vision', 'audio', 'tts', 'resampler', 'processing')
    }
    return ModelConfig.from_dict(
        {
            **plain['llm'],
            'vision_config': plain['vision'],
            'audio_config': plain['audio'],
            'tts_config': plain['tts'],
            'query_num': plain['resampler']['query_num'],
            'slice_config': plain['processing']['slice_config'],
        }
    )


def manifest_shapes() -> dict[str, tuple[int, ...]]:
    file = DATA / 'manifest' / 'checkpoint_manifest.json'
    shapes = {}
    for name, entry in json.loads(file.read_text(encoding='utf-8'))['tensors'].items():
        first, last = (int(i) for i in entry.get('i', '0..0').split('..'))
        for i in range(first, last + 1):
            shapes[name.replace('{i}', str(i))] = tuple(entry['shape'])
    return shapes


@pytest.fixture
def folder(tmp_path) -> Path:
    """Copy the tiny model in the layout of the release: two shards and an index."""
    tensors = load_file(TINY / 'weights.safetensors')
    names = sorted(tensors)
    weight_map = {}
    for number, part in enumerate((names[:90], names[90:]), start=1):
        file = f'model-0000{number}-of-00002.safetensors'
        save_file({name: tensors[name] for name in part}, tmp_path / file)
        weight_map.update(dict.fromkeys(part, file))
    index = json.dumps({'metadata': {}, 'weight_map': weight_map})
    (tmp_path / INDEX_FILE).write_text(index, encoding='utf-8')
    config = json.loads((TINY / 'config.json').read_text(encoding='utf-8'))['model']
    (tmp_path / 'config.json').write_text(json.dumps(config), encoding='utf-8')
    return tmp_path


def change(folder: Path, edit) -> None:
    """Apply ``edit`` to the tensors of the first shard."""
    path = folder / 'model-00001-of-00002.safetensors'
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path)


def test_full_model_has_exactly_the_names_and_shapes_of_the_release():
    expected = manifest_shapes()
    assert len(expected) == 1398
    assert expected_shapes(empty_model(full_config())) == expected


def test_shards_are_read_with_progress(folder):
    calls = []
    model = load_model(folder, progress=lambda done, total: calls.append((done, total)))
    stored = load_file(TINY / 'weights.safetensors')
    assert torch.equal(model.vpm.post_layernorm.bias, stored['vpm.post_layernorm.bias'].float())
    assert not any(p.requires_grad or p.is_meta for p in model.parameters())
    done, total = zip(*calls, strict=True)
    assert list(done) == sorted(done) and done[-1] == total[0]
    assert total[0] == sum(tensor.nbytes for tensor in stored.values())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_weights_take_the_wanted_type(folder, dtype):
    model = load_model(folder, dtype=dtype)
    assert {p.dtype for p in model.parameters()} == {dtype}


def test_parts_can_be_left_out(folder):
    config = ModelConfig.from_folder(folder).without('vision', 'speech')
    model = load_model(folder, config)
    assert model.vpm is None and model.resampler is None and model.tts is None
    assert model.apm is not None
    (folder / 'model-00002-of-00002.safetensors').unlink()
    with pytest.raises(CheckpointError, match='lacks model-00002'):
        load_model(folder, config)


def test_every_missing_surplus_and_misshaped_tensor_is_listed(folder):
    def edit(tensors):
        del tensors['apm.conv1.bias']
        tensors['apm.conv3.bias'] = torch.zeros(2)
        tensors['apm.conv2.bias'] = torch.zeros(7)

    change(folder, edit)
    with pytest.raises(CheckpointError) as caught:
        load_model(folder)
    message = str(caught.value)
    assert '3 tensors do not fit config.json' in message
    assert 'missing apm.conv1.bias [32]' in message
    assert 'surplus apm.conv3.bias' in message
    assert 'apm.conv2.bias is [7] instead of [32]' in message


def test_part_that_config_lacks_is_surplus(folder):
    config = json.loads((folder / 'config.json').read_text(encoding='utf-8'))
    del config['tts_config']
    (folder / 'config.json').write_text(json.dumps(config), encoding='utf-8')
    with pytest.raises(CheckpointError, match='surplus tts.emb_text.weight'):
        load_model(folder)


@pytest.mark.parametrize('keep', [0, 5, 100, -1])
def test_truncated_shard_is_named(folder, keep):
    path = folder / 'model-00002-of-00002.safetensors'
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r'00002-of-00002.*minicpmo\.download'):
        load_model(folder)


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        (INDEX_FILE, b'{}', 'no readable weight_map'),
        (INDEX_FILE, b'{', 'no readable weight_map'),
        ('model-00001-of-00002.safetensors', b'\x05' + bytes(7) + b'hello', 'no safetensors'),
        ('config.json', b'[', 'not JSON'),
    ],
)
def test_damaged_file_is_named(folder, name, content, message):
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        load_model(folder)


def test_folder_without_weights_is_named(tmp_path):
    shutil.copy(TINY / 'config.json', tmp_path)
    with pytest.raises(CheckpointError, match='has none of model.safetensors.index.json'):
        load_model(tmp_path)


def test_quantised_file_is_refused(folder):
    change(folder, lambda tensors: tensors.update(q=torch.zeros(2, dtype=torch.int8)))
    with pytest.raises(CheckpointError, match='stored as I8'):
        load_model(folder)


def test_what_is_saved_is_loaded_again(tmp_path):
    data = json.loads((TINY / 'config.json').read_text(encoding='utf-8'))['model']
    config = ModelConfig.from_dict({**data, 'tie_word_embeddings': True}).without('speech')
    from minicpmo.model import OmniModel

    model = OmniModel(config)
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.config == config
    assert loaded.llm.lm_head.weight is loaded.llm.model.embed_tokens.weight
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
