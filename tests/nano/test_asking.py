# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from training.nano.asking import SCENES, SCRIPTS, UNITS, Asking, past
from training.nano.request import INTENTS, Part
from training.nano.scene import SceneState
from training.nano.speech_corpus import BACKCHANNELS, UNADDRESSED
from training.nano.symbolic_stream import SentencePool
from training.nano.timeline import SoundEvent
from training.nano.watch import FALL_ALERT, WATCHES
from training.nano.watch_note import open_watches

RED = SceneState('hall', ball='red')
BLUE = SceneState('hall', ball='blue')


@pytest.fixture
def asking() -> Asking:
    return Asking(SentencePool(UNADDRESSED, BACKCHANNELS), Part.TRAINING)


def _colour_request() -> list[SoundEvent]:
    return [SoundEvent('speech', 1.2, 1.0, 0, 0.0, 'What colour is the ball?', 'colour_of_ball')]


def test_the_answer_follows_the_picture_that_is_shown_when_it_is_due(asking):
    answers = set()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        for script, picture in asking.scripts(rng, [RED, BLUE], 0, _colour_request()):
            index = next(i for i, u in enumerate(script.units) if u.reason == 'colour_of_ball')
            text = ''.join(unit.text for unit in script.units[index:])
            assert text.startswith(f'The ball is {("red", "blue")[picture[index]]}.')
            answers.add(text[:16])
    assert len(answers) == 2


def test_a_script_ends_a_unit_after_its_last_word_and_labels_the_request(asking):
    rng = np.random.default_rng(3)
    for script, picture in asking.scripts(rng, [RED], 0, _colour_request()):
        said = [index for index, unit in enumerate(script.units) if unit.text]
        assert len(script.units) == len(picture) == said[-1] + 2
        assert sum(unit.labels['request'] > 0 for unit in script.units) == 1


def test_sounds_begin_after_the_script_and_most_are_requests(asking):
    kinds, quiet = [], 0
    for seed in range(60):
        first, sounds = asking.sounds(np.random.default_rng(seed))
        spoken = [s for s in sounds if s.kind in ('speech', 'unaddressed', 'backchannel')]
        assert all(first + 1 <= sound.start < UNITS for sound in spoken)
        kinds += [sound.kind for sound in spoken]
        quiet += not spoken
    assert kinds.count('speech') > 0.6 * len(kinds)
    assert {'speech', 'unaddressed'} <= set(kinds)
    assert 0 < quiet < 12


def test_what_is_agreed_is_what_the_words_said_before_tell():
    found = set()
    for seed in range(200):
        memory, said = past(np.random.default_rng(seed), [RED, BLUE])
        assert open_watches(''.join(said)) == memory.watches
        text = ''.join(said)
        reminders = [w.reminder for w in WATCHES.values()] + [FALL_ALERT]
        last = max(reminders, key=text.rfind)
        assert memory.last_reminder == (last if last in text else '')
        found.add((len(memory.watches), bool(memory.last_reminder)))
    assert {(0, False), (1, False), (1, True), (2, False)} <= found


def test_scenes_of_one_request_are_several_and_everything_is_asked(asking):
    rng = np.random.default_rng(0)
    assert len([asking.scene(rng) for _ in range(SCENES)]) == SCENES > 1
    assert len(list(asking.scripts(rng, [RED], 0, []))) == SCRIPTS
    asked = set()
    for seed in range(900):
        _, sounds = asking.sounds(np.random.default_rng(seed))
        asked |= {sound.intent for sound in sounds}
    assert set(INTENTS) <= asked
