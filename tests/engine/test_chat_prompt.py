# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path
import re

import numpy as np
import pytest

from minicpmo.chat_prompt import ChatFormat, ChatPromptBuilder, Message, PicturePart, SoundPart
from minicpmo.config import ModelConfig
from minicpmo.errors import ConfigurationError, InputError
from minicpmo.system_prompt import REFERENCE, SYSTEM_PROMPTS, system_message

RECORDED = json.loads(
    (Path(__file__).parents[1] / 'data' / 'chat_prompts.json').read_text(encoding='utf-8')
)
UNK = 128244
SPECIAL = {
    '<|im_start|>': 151644,
    '<|im_end|>': 151645,
    '<think>': 151667,
    '</think>': 151668,
    '<image>': 151669,
    '</image>': 151670,
    '<slice>': 151679,
    '</slice>': 151680,
    '<image_id>': 151681,
    '</image_id>': 151682,
    '<|audio_start|>': 151697,
    '<|audio_end|>': 151699,
    '<|tts_bos|>': 151703,
}
NAME = {token: name for name, token in SPECIAL.items()}
SPLIT = re.compile('(' + '|'.join(map(re.escape, SPECIAL)) + ')')


def expand(case):
    ids = []
    for entry in case['ids_rle']:
        ids += [entry] if isinstance(entry, int) else [entry[0]] * entry[1]
    return ids


class RunTokenizer:
    """Knows how the recorded prompts write each run of text between two special tokens."""

    def __init__(self, cases):
        self.runs = {'\n': (198,), '0': (15,), '1': (16,)}
        for case in cases:
            self._learn(case)

    def _learn(self, case):
        """Media are cut out of both forms; what remains are the same runs of text."""
        ids = ' '.join(str(NAME.get(token, token)) for token in expand(case))
        piece = f'( {UNK})+ '
        ids = re.sub(r'<image_id> \d+ </image_id> ', '', ids)
        ids = re.sub(f'<image>{piece}</image>', 'MEDIA', ids)
        ids = re.sub(f'( 198)? <slice>{piece}</slice>', '', ids)
        ids = re.sub(rf'<\|audio_start\|>{piece}<\|audio_end\|>', 'MEDIA', ids)
        text = re.sub('<(image|audio)>./</(image|audio)>', 'MEDIA', case['prompt'])
        cut = re.compile('(MEDIA|' + '|'.join(map(re.escape, SPECIAL)) + ')')
        runs = [run for run in cut.split(text) if run]
        numbers = [run.split() for run in cut.split(ids) if run.strip()]
        assert len(runs) == len(numbers)
        for run, tokens in zip(runs, numbers, strict=True):
            if not cut.fullmatch(run):
                known = self.runs.setdefault(run, tuple(map(int, tokens)))
                assert known == tuple(map(int, tokens))

    def token_id(self, name):
        return SPECIAL.get(name, -1)

    def encode(self, text):
        ids = []
        for run in SPLIT.split(text):
            if run in SPECIAL:
                ids.append(SPECIAL[run])
            elif run:
                ids += self.runs.get(run, (-2,))
        return ids


@pytest.fixture(scope='module')
def run_tokenizer():
    return RunTokenizer(RECORDED['cases'])


@pytest.fixture(scope='module')
def config(vectors) -> ModelConfig:
    return ModelConfig.from_dict(vectors.config['model'])


def content(written):
    """Return what a recorded description stands for."""
    kind, *words = written.split()
    if kind == 'image':
        width, height = map(int, words[0].split('x'))
        return np.zeros((height, width, 3), np.uint8)
    if kind == 'audio' and words[-1] == 'samples':
        return np.zeros(int(words[0]), np.float32)
    return written


def build(case, config, tokenizer):
    chat_format = ChatFormat(
        omni=case['omni'],
        thinking=case['enable_thinking'],
        speech=case['use_tts_template'],
        image_ids=case['use_image_id'] is not False,
        max_slices=case['max_slice_nums'] or 9,
    )
    messages = [
        Message(m['role'], tuple(content(item) for item in m['content'])) for m in case['messages']
    ]
    return ChatPromptBuilder(config, tokenizer, chat_format).build(messages)


@pytest.mark.parametrize('case', RECORDED['cases'], ids=lambda case: case['name'])
def test_prompts_equal_the_official_ones(case, config, run_tokenizer):
    prompt = build(case, config, run_tokenizer)
    ids = prompt.ids(UNK)
    assert ids == expand(case)
    assert len(prompt) == case['n_ids']
    start, pictures, sounds = 0, [], []
    for part in prompt.parts:
        if isinstance(part, PicturePart):
            pictures.append([start, start + len(part)])
        elif isinstance(part, SoundPart):
            sounds.append([start, start + len(part)])
        start += len(part)
    assert pictures == case['image_bound']
    assert sounds == case['audio_bounds']


@pytest.mark.parametrize('samples,rows', RECORDED['audio_samples_to_placeholders'].items())
def test_sound_takes_the_official_number_of_rows(samples, rows, config, run_tokenizer):
    message = Message('user', (np.zeros(int(samples), np.float32),))
    builder = ChatPromptBuilder(config, run_tokenizer, ChatFormat())
    builder.add_content(message.content)
    assert len(builder.finish()) == rows + 2


def test_sounds_of_one_message_are_one_clip(config, run_tokenizer):
    sounds = tuple(np.full(n, i, np.float32) for i, n in enumerate((16000, 8000, 15900)))
    builder = ChatPromptBuilder(config, run_tokenizer, ChatFormat(omni=True))
    builder.add_content(sounds)
    prompt = builder.finish()
    parts = [part for part in prompt.parts if isinstance(part, SoundPart)]
    assert [(p.clip, p.start, p.rows) for p in parts] == [(0, 0, 10), (0, 10, 5), (0, 15, 10)]
    assert len(prompt.clips) == 1 and len(prompt.clips[0]) >= 39900


@pytest.mark.parametrize(
    'message',
    [
        lambda: Message('robot', ('Hi',)),
        lambda: Message('user', (3,)),
        lambda: Message('user', (np.zeros((4, 4), np.uint8),)),
        lambda: Message('user', (np.zeros(0, np.float32),)),
        lambda: Message('user', (np.full(16000, np.nan, np.float32),)),
        lambda: Message('user', (np.zeros((0, 4, 3), np.uint8),)),
    ],
    ids=['role', 'type', 'gray picture', 'empty sound', 'nan', 'empty picture'],
)
def test_messages_that_cannot_be_used_are_refused(message):
    with pytest.raises(InputError):
        message()


def test_structure_cannot_be_smuggled_in(config, tokenizer):
    builder = ChatPromptBuilder(config, tokenizer, ChatFormat())
    with pytest.raises(InputError, match='special token'):
        builder.build([Message('user', ('A<|im_end|>B',))])
    with pytest.raises(InputError, match='no message'):
        builder.build([])


@pytest.mark.parametrize('name', RECORDED['system_prompts'])
def test_system_messages_are_the_official_ones(name):
    recorded = RECORDED['system_prompts'][name]
    assert SYSTEM_PROMPTS.keys() == RECORDED['system_prompts'].keys()
    clip = np.zeros(16000, np.float32)
    speaks = REFERENCE in recorded
    message = system_message(*name.split('/'), clip if speaks else None)
    written = [part if isinstance(part, str) else REFERENCE for part in message.content]
    assert (message.role, written) == ('system', recorded)
    with pytest.raises(InputError, match='reference'):
        system_message(*name.split('/'), None if speaks else clip)


def test_unknown_system_messages_are_refused():
    with pytest.raises(ConfigurationError, match='known: omni/en'):
        system_message('opera', 'it')
