# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np

from training.nano.request import Part
from training.nano.script import write_script
from training.nano.speech_corpus import BACKCHANNELS, UNADDRESSED
from training.nano.symbolic_stream import (
    AUDIO_ROWS,
    PICTURE_ROWS,
    SentencePool,
    SymbolicStreamWriter,
)


def write(seed: int):
    rng = np.random.default_rng(seed)
    script = write_script(rng, SentencePool(UNADDRESSED, BACKCHANNELS), Part.TRAINING, 80, 'busy')
    return script, SymbolicStreamWriter().write(rng, script)


def test_stream_has_the_labels_of_the_script():
    script, stream = write(1)
    assert stream.audio.shape[:2] == (80, AUDIO_ROWS)
    assert stream.pictures.shape[:2] == (80, PICTURE_ROWS)
    assert stream.texts == [unit.text for unit in script.units]
    assert stream.labels[:, 0].tolist() == [unit.labels['request'] for unit in script.units]


def test_rows_tell_who_talks_and_what_is_seen():
    script, stream = write(2)
    level = stream.audio.float().norm(dim=-1).mean(-1)
    talking = np.array([bool(unit.labels['talking']) for unit in script.units])
    silent = np.array(
        [
            not any(event.start < index + 1 and event.end > index for event in script.sounds)
            for index in range(80)
        ]
    )
    assert level[talking].mean() > 1.5 * level[silent].mean()
    same = [i for i in range(1, 80) if script.units[i].state == script.units[i - 1].state]
    other = [i for i in range(1, 80) if i not in same]
    change = (stream.pictures[1:].float() - stream.pictures[:-1].float()).norm(dim=-1).amax(-1)
    assert change[[i - 1 for i in other]].min() > change[[i - 1 for i in same]].max()
