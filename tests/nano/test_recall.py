# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from minicpmo.tokenizer import PretrainedTokenizer
from tests.nano.stream_example import silent_stream
from training.nano.asking import REMIND_AGAIN
from training.nano.language_data import (
    MARKER,
    PREVIOUS_MAX,
    WINDOW_UNITS,
    SequenceWriter,
    StreamFolder,
)
from training.nano.language_training import MODEL_FOLDER
from training.nano.recall import Recall, RowBank
from training.nano.recall_training import RecallPlan, batches
from training.nano.renderer import ATTRIBUTES, attributes
from training.nano.request import INTENTS
from training.nano.scene import SceneState
from training.nano.script import INTENT_NAMES
from training.nano.stream import Stream
from training.nano.watch import FALL_ALERT, WATCHES
from training.nano.watch_note import memory_of

UNITS, ASKED = 40, 20
SCENES = (
    SceneState('hall', door='open', lamp=True),
    SceneState('hall', door='closed', lamp=False),
    SceneState('kitchen', pot='boiling', lamp=True, people=('lying',)),
)
LABELS = ('request', 'talking', 'talk_over', *ATTRIBUTES)


def asked_stream(name: str = REMIND_AGAIN) -> Stream:
    """Return a stream in which one request is complete in unit ``ASKED``, said in two units."""
    stream = silent_stream(UNITS)
    for unit in range(UNITS):
        scene = SCENES[unit % len(SCENES)]
        stream.labels[unit, 3:] = torch.tensor(list(attributes(scene).values()))
    stream.labels[ASKED - 1, 1] = 1
    stream.labels[ASKED, 0] = 1 + INTENT_NAMES.index(name)
    return stream


@pytest.fixture(scope='module')
def tokenizer() -> PretrainedTokenizer:
    return PretrainedTokenizer(MODEL_FOLDER)


@pytest.fixture(scope='module')
def drawn(tokenizer) -> list[Stream]:
    recall = Recall(RowBank([asked_stream()]), SequenceWriter(tokenizer))
    rng = np.random.default_rng(0)
    return [recall.stream(rng) for _ in range(400)]


def asks(stream: Stream) -> bool:
    return bool(stream.labels[:, 0].any())


def test_requests_begin_a_unit_early_and_what_is_not_quiet_is_no_quiet_unit():
    bank = RowBank([asked_stream(), silent_stream(9)])
    assert dict(bank.requests) == {REMIND_AGAIN: [(0, ASKED - 2, ASKED)]}
    busy = {0, 1, 2, ASKED - 1, ASKED, ASKED + 1}
    assert bank.quiet == [sorted(set(range(UNITS)) - busy), [3, 4, 5, 6, 7, 8]]
    assert bank.scenes[:3] == list(SCENES) and len(bank.pictures) == UNITS + 9


def test_a_request_that_talk_or_words_of_the_robot_precede_is_not_used():
    spoken, twice = asked_stream(), asked_stream()
    spoken.texts[ASKED - 3] = 'Hello.'
    twice.labels[ASKED - 2, 0] = 1
    assert not RowBank([spoken]).requests
    assert list(RowBank([twice]).requests) == [INTENT_NAMES[0]]


def test_the_last_reminder_of_a_long_past_is_repeated(drawn):
    lengths, reminders = set(), set()
    for stream in filter(asks, drawn):
        complete = int(stream.labels[:, 0].argmax())
        before = ''.join([*stream.previous, *stream.texts[:complete]])
        said = ''.join(stream.texts[complete:])
        last = memory_of(before).last_reminder
        expected = INTENTS[REMIND_AGAIN].answer(SCENES[0], memory_of(before))
        if not stream.labels[complete:, LABELS.index('fallen')].any():
            assert said.startswith(expected)
            lengths.add(len(stream.previous))
            reminders.add(last)
    assert max(lengths) > 40 and 0 in lengths
    assert {'', FALL_ALERT} < reminders and len(reminders) > 5


def test_an_open_watch_is_told_when_its_picture_comes_and_no_other_is(drawn):
    told = kept = 0
    for stream in drawn:
        if asks(stream) or stream.labels[:, LABELS.index('fallen')].any():
            continue
        memory, words = memory_of(''.join(stream.previous)), ''.join(stream.texts)
        seen = [SCENES[0] if row[LABELS.index('door')] else SCENES[1] for row in stream.labels]
        due = [n for n in memory.watches if any(WATCHES[n].happens(scene) for scene in seen)]
        # one is said at a time, and a sequence ends after what is said
        assert bool(words) is bool(due)
        if due:
            assert any(words.startswith(WATCHES[name].reminder) for name in due)
        told, kept = told + bool(due), kept + bool(memory.watches and not due)
    assert told > 20 and kept > 3


def test_nothing_of_a_past_is_lost_in_a_sequence(drawn, tokenizer):
    for stream in drawn:
        tokens = sum(len(tokenizer.encode(text)) for text in stream.previous)
        assert tokens <= PREVIOUS_MAX
    longest = max(drawn, key=lambda stream: len(stream.previous))
    sequence = SequenceWriter(tokenizer).write(
        longest, 0, len(longest.texts), np.random.default_rng(0), sighted=True, known_past=True
    )
    assert MARKER + ''.join(longest.previous) in tokenizer.decode(sequence.ids.tolist())


def test_batches_are_of_equal_length_or_pieces_of_conversations(tmp_path, tokenizer):
    torch.save([vars(asked_stream()) for _ in range(3)], tmp_path / 'shard.pt')
    folder = StreamFolder(tmp_path)
    folder.refresh()
    plan = RecallPlan(short=3, recalls=12, questions=2, long=1, cuts=2)
    feed = batches(folder, SequenceWriter(tokenizer), plan, seed=1)
    shapes = [tuple(next(feed)['ids'].shape) for _ in range(4)]
    long = [length for size, length in shapes if size == 2]
    short = [length for size, length in shapes if size == 14]
    assert len(long) == 1 and len(short) == 3
    assert long[0] > 20 * WINDOW_UNITS and min(short) < 0.6 * max(short)
