# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the joint stage feeds is what the session would feed: rows, floors, places."""

from dataclasses import replace
import json

import numpy as np
import pytest
import torch

from minicpmo.mel import LogMel
from minicpmo.tokenizer import PretrainedTokenizer
from training.nano.audio_window import SoundBank
from training.nano.joint_model import JointTrainee, weighted
from training.nano.joint_sample import SampleWriter, audio_code, picture_code
from training.nano.joint_store import SampleStore, StoreSize
from training.nano.language_training import MODEL_FOLDER
from training.nano.mel_batch import log_mel, with_floor
from training.nano.phone import PHONES
from training.nano.pool_stage import training_sentences
from training.nano.request import Part
from training.nano.utterance import UtterancePool
from training.nano.vision_training import VisionTrainee
from training.nano.warm_start import begin_with

UNITS = 20


@pytest.fixture(scope='module')
def pool(tmp_path_factory) -> UtterancePool:
    """Return a pool in which every sentence is a short tone and one sound."""
    folder = tmp_path_factory.mktemp('pool')
    rng = np.random.default_rng(0)
    entries, sounds = [], []
    for sentence in training_sentences(1, 0.001):
        samples = int(rng.integers(8000, 24000))
        tone = 3000 * np.sin(np.arange(samples) * rng.uniform(0.05, 0.5))
        sounds.append(tone.astype(np.int16))
        entries.append(
            {
                'kind': sentence.kind,
                'text': sentence.text,
                'spoken': sentence.text,
                'voice': {'engine': 'none'},
                'samples': samples,
                'phones': [['aa', samples / 16000]],
            }
        )
    (folder / 'index.json').write_text(json.dumps(entries))
    (folder / 'samples.i16').write_bytes(np.concatenate(sounds).tobytes())
    return UtterancePool(folder)


@pytest.fixture(scope='module')
def writer(pool) -> SampleWriter:
    return SampleWriter(pool, SoundBank(1, 10), MODEL_FOLDER, Part.TRAINING)


@pytest.fixture
def store() -> SampleStore:
    return SampleStore(StoreSize(3, 6, 200, 100), UNITS, 10, torch.device('cpu'))


@pytest.fixture(scope='module')
def model() -> JointTrainee:
    trainee = JointTrainee(PretrainedTokenizer(MODEL_FOLDER).vocab_size)
    begin_with(trainee, MODEL_FOLDER)
    return trainee.eval()


def test_windows_hold_what_the_stream_of_the_engine_computes(writer, store):
    sample = writer.conversation(np.random.default_rng(2), UNITS)
    store.add(sample)
    count = UNITS // 5
    audio, _, floors = store.long.windows(
        torch.zeros(count, dtype=torch.int64), torch.arange(count)
    )
    floors = torch.nn.functional.pad(
        floors.repeat_interleave(100, 1)[:, None], (2, 2), mode='replicate'
    )
    mel = with_floor(log_mel(audio), floors)
    expected = LogMel().stream(sample.audio.astype(np.float32) / 32768)
    for unit in range(1, UNITS):
        start = unit % 5 * 100
        got = mel[unit // 5][:, start + 2 : start + 102]
        error = (got - expected[unit][:, 2:102]).abs()
        assert error.mean() < 0.01, unit  # the floor's peak may lie in a frame between two units


def test_phones_stand_where_the_encoder_hears_them(writer, store):
    sample = writer.asking(np.random.default_rng(5))
    store.add(sample)
    audio, phones, _ = store.brief.windows(torch.zeros(2, dtype=torch.int64), torch.arange(2))
    loud = log_mel(audio)[..., 2:502].amax(1).unflatten(1, (-1, 2)).amax(-1)
    spoken = phones == PHONES.index('aa')
    assert spoken.any()
    assert loud[spoken].mean() > loud[~spoken].mean() + 1


def test_every_row_of_a_batch_is_the_row_its_sequence_asked_for(writer, store):
    rng = np.random.default_rng(4)
    for _ in range(3):
        store.add(writer.conversation(rng, UNITS))
    for _ in range(6):
        store.add(writer.asking(rng))
    batch = store.batch(rng, 2, 3, 2)
    windows = len(batch['conversation.slots']) + len(batch['asking.slots'])
    pictures = sum(len(batch[f'picture.{size}']) for size in range(3))
    rows = windows * 50 + pictures * 8
    for group in ('long', 'short'):
        take, places = batch[f'{group}.take'], batch[f'{group}.rows']
        assert len(take) == len(places) == len(torch.unique(places))
        assert 0 <= take.min() and take.max() < rows
        assert (batch[f'{group}.ids'].flatten()[places] == 0).all()
        seen = take >= windows * 50
        # eight rows of a picture, ten of a second, each in order
        for chosen, length in ((take[seen] - windows * 50, 8), (take[~seen], 10)):
            blocks = chosen.view(-1, length)
            assert (blocks[:, 0] % length == 0).all()
            assert (blocks.diff(dim=1) == 1).all()


def test_a_store_is_ready_when_every_kind_is_there(writer, store):
    rng = np.random.default_rng(8)
    store.add(writer.asking(rng))
    assert not store.ready
    sample = writer.conversation(rng, UNITS)
    store.add(replace(sample, cuts=[]))
    assert not store.ready  # a conversation in which nothing happens gives no cuts
    store.add(replace(sample, cuts=sample.short))
    assert store.ready


def test_the_oldest_samples_are_replaced_and_not_drawn(writer, store):
    rng = np.random.default_rng(6)
    for _ in range(14):
        store.add(writer.asking(rng))
    assert store.brief.count == 14
    slots = {store.brief.draw(rng, 'short')[0] for _ in range(200)}
    oldest = 14 % 6
    assert slots == set(range(6)) - {oldest}


@torch.no_grad()
def test_pictures_of_one_size_give_the_rows_of_tower_and_resampler(model):
    vision = VisionTrainee().eval()
    state = model.state_dict()
    vision.load_state_dict({k: state[k] for k in vision.state_dict()})
    images = torch.randint(0, 256, (3, 196, 252, 3), dtype=torch.uint8)
    features, rows = model.look(images)
    expected_rows, expected = vision.rows_and_patches(images)
    torch.testing.assert_close(features, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(rows, expected_rows, atol=1e-4, rtol=1e-4)


def test_losses_reach_every_part_that_ships(writer, store, model):
    rng = np.random.default_rng(7)
    for _ in range(2):
        store.add(writer.conversation(rng, UNITS))
    for _ in range(3):
        store.add(writer.asking(rng))
    model.train()
    total, parts = weighted(model, store, store.batch(rng, 1, 2, 1))
    total.backward()
    for part in (
        'apm.layers.0',
        'audio_projection_layer',
        'vpm.encoder',
        'resampler',
        'llm.model',
    ):
        gradients = [p.grad for n, p in model.named_parameters() if n.startswith(part)]
        assert any(g is not None and g.abs().max() > 0 for g in gradients), part
    assert {
        'phone_accuracy',
        'picture_accuracy',
        'long_accuracy',
        'short_accuracy',
    } <= parts.keys()
    model.eval()
    model.zero_grad()


def test_codes_tell_sound_from_pictures():
    assert audio_code(3).flatten().tolist() == list(range(30))
    assert picture_code(2).flatten().tolist() == [-1 - i for i in range(16)]
