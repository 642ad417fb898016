# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
import shutil

import numpy as np
import pytest
import torch

from minicpmo.backend import load_backend
from minicpmo.chat_prompt import Message
from minicpmo.engine import Engine, Mode, choose_device, choose_dtype
from minicpmo.errors import CheckpointError, ConfigurationError, InputError
from minicpmo.protocol import Unit, YieldPolicy
from minicpmo.session_option import SessionDefaults, duplex_options


@pytest.fixture(scope='module')
def folder(small_folder) -> Path:
    return small_folder


@pytest.fixture(scope='module')
def engine(folder) -> Engine:
    return Engine.load(folder, device='cpu')


def unit(index, picture=False):
    random = np.random.default_rng(index)
    audio = random.normal(0, 0.1, 16000).astype(np.float32)
    images = (random.integers(0, 255, (60, 80, 3), dtype=np.uint8),) if picture else ()
    return Unit(index, audio, images)


def steps(session, count=5):
    results = [session.step(unit(index, index % 2 == 1)) for index in range(count)]
    return [(r.decision, r.text, tuple(r.token_ids), r.context_tokens) for r in results]


def test_a_folder_becomes_a_backend(folder):
    reported = []
    engine = Engine.load(folder, progress=lambda done, total: reported.append((done, total)))
    assert reported[-1][0] == reported[-1][1] > 0
    capabilities = engine.capabilities
    assert capabilities.full_duplex and capabilities.vision and capabilities.audio
    assert capabilities.yes_no_questions and capabilities.model_id == folder.name
    assert load_backend(folder, device='cpu', dtype='float32').capabilities == capabilities


def test_sessions_share_weights_and_nothing_else(engine):
    alone = steps(engine.prepare(text_only=True, seed=1))
    first = engine.prepare(text_only=True, seed=1)
    second = engine.prepare('Another instruction.', text_only=True, seed=2)
    together = []
    for index in range(5):
        result = first.step(unit(index, index % 2 == 1))
        together.append(
            (result.decision, result.text, tuple(result.token_ids), result.context_tokens)
        )
        second.step(unit(index))
    assert together == alone
    assert first.conversation.stream.model is second.conversation.stream.model


def test_modes_change_without_loading(engine):
    expected = steps(engine.prepare(text_only=True, greedy=True))
    duplex = engine.open(Mode.DUPLEX, text_only=True, greedy=True)
    part = [duplex.step(unit(0))]
    chat = engine.open(Mode.CHAT, greedy=True, max_tokens=5, context_tokens=500)
    image = unit(0, picture=True).images[0]
    assert chat.reply_text((Message('user', ('Hello', image, unit(1).audio)),))
    streaming = engine.open(Mode.STREAMING, speak=False, greedy=True, max_tokens=5)
    streaming.listen(audio=unit(2).audio, images=(image,))
    assert list(streaming.reply())[-1].finished
    part += [duplex.step(unit(index, index % 2 == 1)) for index in range(1, 5)]
    assert [(r.decision, r.text, tuple(r.token_ids), r.context_tokens) for r in part] == expected


def test_a_question_has_a_probability_and_leaves_no_trace(engine):
    asked, quiet = (engine.prepare(text_only=True, greedy=True) for _ in range(2))
    for index in range(3):
        assert 0.0 < asked.ask_yes_no('Is the kettle boiling?') < 1.0
        left, right = asked.step(unit(index)), quiet.step(unit(index))
        assert (left.text, left.context_tokens) == (right.text, right.context_tokens)
    with pytest.raises(InputError, match='empty'):
        asked.ask_yes_no('  ')


def test_parts_can_be_left_out(folder):
    engine = Engine.load(folder, parts=('audio',))
    assert not engine.capabilities.vision
    session = engine.prepare(text_only=True)
    with pytest.raises(InputError, match='without vision'):
        session.step(unit(0, picture=True))
    assert session.step(unit(0)).context_tokens > 0


@pytest.mark.parametrize(
    'bad',
    [
        Unit(1, np.zeros(16000, np.int16)),
        Unit(1, np.zeros((16000, 1), np.float32)),
        Unit(1, np.zeros(48000, np.float32)),
        Unit(1, np.full(16000, np.inf, np.float32)),
        Unit(1, np.zeros(0, np.float32)),
        Unit(1, unit(1).audio, (np.zeros((0, 9, 3), np.uint8),)),
        Unit(1, unit(1).audio, (np.zeros((9, 9, 4), np.uint8),)),
        Unit(1, unit(1).audio, (np.zeros((1, 9000, 3), np.uint8),)),
        Unit(1, unit(1).audio, (np.zeros((9, 9, 3), np.uint8),), max_slices=0),
        Unit(0, unit(1).audio),
    ],
    ids=[
        'int16',
        'shape',
        'rate',
        'inf',
        'empty',
        'size',
        'channels',
        'aspect',
        'slices',
        'order',
    ],
)
def test_bad_units_leave_ears_and_eyes_as_they_were(engine, bad):
    expected = steps(engine.prepare(text_only=True, greedy=True), 3)
    session = engine.prepare(text_only=True, greedy=True)
    found = []
    for index in range(3):
        if index == 1:
            with pytest.raises(InputError):
                session.step(bad)
        r = session.step(unit(index, index % 2 == 1))
        found.append((r.decision, r.text, tuple(r.token_ids), r.context_tokens))
    assert found == expected


def test_the_folder_may_bring_its_own_defaults(folder, tmp_path):
    shutil.copytree(folder, tmp_path / 'own')
    path = tmp_path / 'own' / 'session.json'
    options = {'yield_policy': 'model', 'window_mode': 'context', 'window_units': 5}
    path.write_text(json.dumps({'model_id': 'mine', 'instruction': 'Hi.', 'options': options}))
    engine = Engine.load(tmp_path / 'own')
    session = engine.prepare(text_only=True, window_units=7)
    assert engine.capabilities.model_id == 'mine'
    assert session.options.decoding.yield_policy is YieldPolicy.MODEL
    assert session.options.window.max_units == 7
    path.write_text('{"option": {}}')
    with pytest.raises(CheckpointError, match='option'):
        Engine.load(tmp_path / 'own')
    path.write_text('{"options": {"windows": 1}}')
    with pytest.raises(ConfigurationError, match='windows'):
        Engine.load(tmp_path / 'own')


def test_unknown_options_are_named(engine):
    with pytest.raises(ConfigurationError, match='temprature.*known.*temperature'):
        engine.prepare(temprature=1.0)
    with pytest.raises(ConfigurationError, match='yield_policy'):
        engine.prepare(yield_policy='never')
    with pytest.raises(ConfigurationError, match='voice'):
        engine.prepare(voice='loud')
    with pytest.raises(ConfigurationError, match='speech decoder'):
        engine.prepare(voice='model')
    with pytest.raises(ConfigurationError, match='does not exist'):
        engine.prepare(voice_reference='/nowhere.wav')
    with pytest.raises(ConfigurationError, match='window_units'):
        engine.chat(window_units=3)


@pytest.mark.parametrize(
    'options',
    [
        {'temperature': 'hot'},
        {'greedy': 1},
        {'top_k': True},
        {'seed': 0.5},
        {'listen_top_k': 'x'},
        {'window_mode': ['off']},
        {'yield_policy': 3},
        {'window_units': None},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_of_the_wrong_type_are_named(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        duplex_options(options)


def test_every_option_reaches_its_place():
    options = duplex_options(
        {
            'greedy': True,
            'top_k': 7,
            'max_tokens_per_unit': 9,
            'yield_policy': 'model',
            'window_mode': 'basic',
            'window_high': 50,
            'window_low': 40,
            'force_listen_count': 2,
            'text_only': True,
            'context_tokens': 77,
            'seed': 5,
        }
    )
    assert options.sampling.greedy and options.sampling.top_k == 7
    assert options.decoding.max_tokens == 9
    assert (options.window.high, options.window.low) == (50, 40)
    assert (options.force_listen_count, options.text_only, options.seed) == (2, True, 5)


@pytest.mark.parametrize('name', ['gpu', 'cuda:99' if not torch.cuda.is_available() else 'abc'])
def test_a_device_that_is_not_there_is_named(name):
    with pytest.raises(ConfigurationError, match=name):
        choose_device(name)


def test_the_type_follows_the_device():
    assert choose_dtype('auto', torch.device('cpu')) is torch.float32
    assert choose_dtype('auto', torch.device('cuda')) is torch.bfloat16
    with pytest.raises(ConfigurationError, match='int8'):
        choose_dtype('int8', torch.device('cpu'))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(CheckpointError, match='nothing'):
        Engine.load(tmp_path / 'nothing')


def test_bfloat16_runs_end_to_end(folder):
    engine = Engine.load(folder, dtype='bfloat16')
    assert steps(engine.prepare(text_only=True, greedy=True), 3)


def test_written_but_silent_spans_and_a_longer_instruction(engine):
    class Deaf:
        def __call__(self, pieces):
            return [False] * len(pieces)

        def reset(self):
            pass

    plain = engine.prepare('Be kind.', text_only=True)
    longer = engine.prepare('Be kind.', text_only=True, instruction_suffix='And brief.')
    assert longer.conversation.length > plain.conversation.length
    silent = engine.prepare('Be kind.', spoken_mask=Deaf)
    assert type(silent.speech).__name__ == 'SilentSpanSpeech'


def test_a_model_folder_says_whether_its_model_can_be_asked(tmp_path):
    assert SessionDefaults.from_folder(
        Path(__file__).parents[2] / 'model' / 'nano'
    ).yes_no_questions
    (tmp_path / 'session.json').write_text('{"yes_no_questions": false}')
    assert not SessionDefaults.from_folder(tmp_path).yes_no_questions
    assert SessionDefaults('another').yes_no_questions


def test_an_engine_on_fixed_shapes_answers_the_same(folder, engine):
    fixed = Engine.load(folder, device='cpu', cuda_graphs='true')
    assert steps(fixed.prepare(text_only=True, seed=3)) == steps(
        engine.prepare(text_only=True, seed=3)
    )
    assert 'fixed shapes without CUDA graphs' in fixed.capabilities.execution
    assert 'no CUDA graphs, attention sdpa' in engine.capabilities.execution
    with pytest.raises(ConfigurationError, match='cuda_graphs'):
        Engine.load(folder, device='cpu', cuda_graphs='maybe')
    with pytest.raises(ConfigurationError, match='attention flash needs a CUDA device'):
        Engine.load(folder, device='cpu', attention='flash')
