# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import av
import pytest

from training.nano.demo_media import FRAMES_PER_SECOND, NAME, SIZE, expected_turns
from training.nano.demo_scene import LINES, SECONDS, scene_at
from training.nano.request import INTENTS, wordings
from training.nano.speech_corpus import BACKCHANNELS_HELD_OUT, UNADDRESSED_HELD_OUT
from training.nano.timeline import SoundEvent

MEDIA = Path(__file__).parents[2] / 'media'


@pytest.fixture(scope='module')
def description() -> dict:
    return json.loads((MEDIA / f'{NAME}.json').read_text())


def test_recording_is_two_minutes_of_small_pictures_and_mono_sound():
    with av.open(str(MEDIA / f'{NAME}.mp4')) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height) == SIZE
        assert video.average_rate == FRAMES_PER_SECOND
        assert video.frames == SECONDS * FRAMES_PER_SECOND
        assert (audio.rate, audio.channels) == (16000, 1)
        assert container.duration / 1e6 == pytest.approx(SECONDS, abs=0.3)
    assert (MEDIA / f'{NAME}.mp4').stat().st_size < 4e6


def test_everything_said_is_held_out_from_training():
    held_out = {text for _, text in wordings(held_out=True)}
    for line in LINES:
        allowed = {
            'speech': held_out,
            'backchannel': BACKCHANNELS_HELD_OUT,
            'unaddressed': UNADDRESSED_HELD_OUT,
        }[line.kind]
        assert line.text in allowed
        assert (line.kind == 'speech') == (line.text in held_out) == bool(line.intent)
        if line.intent:
            assert line.text in INTENTS[line.intent].held_out


def test_description_tells_the_right_behaviour(description):
    sounds = [
        SoundEvent(e['kind'], e['start'], e['end'] - e['start'], text=e['text'],
                   intent=e['request'])
        for e in description['sounds']
    ]  # fmt: skip
    assert expected_turns(sounds) == description['robot']


def test_scene_has_everything_the_demo_shows(description):
    turns = {turn['reason']: turn for turn in description['robot']}
    assert {'hello', 'what_do_you_see', 'parcel_comes', 'fall'} <= turns.keys()
    assert sum('interrupted_at' in turn for turn in description['robot']) == 1
    watch, reminder = turns['watch_parcel_comes'], turns['parcel_comes']
    assert reminder['from'] - watch['to'] > 15, 'the watch has to be remembered'
    assert scene_at(reminder['from'] - 1).parcel
    assert any(event['kind'] == 'music' for event in description['sounds'])
    assert any(event['kind'] == 'unaddressed' for event in description['sounds'])
