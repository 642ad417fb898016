# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
from PIL import Image
import pytest
import soundfile

from minicpmo import ask, replay
from minicpmo.protocol import Decision, UnitResult


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / 'sound.wav'
    samples = np.random.default_rng(0).normal(0, 0.1, (55000, 2))
    soundfile.write(path, samples, 22050)
    return path


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / 'picture.png'
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(path)
    return path


def test_a_recording_is_played_second_by_second(small_folder, sound, picture, capsys):
    arguments = [str(small_folder), str(sound), '--picture', str(picture), '--greedy']
    assert replay.main([*arguments, '--device', 'cpu']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[0]) for line in lines[1:]] == [0, 1, 2]


def test_a_question_is_answered(small_folder, sound, picture, capsys):
    arguments = [str(small_folder), 'Hello', '--picture', str(picture), '--sound', str(sound)]
    assert ask.main([*arguments, '--max-tokens', '8', '--greedy', '--device', 'cpu']) == 0
    assert capsys.readouterr().out.endswith('\n')


@pytest.mark.parametrize('command', [ask.main, replay.main], ids=['ask', 'replay'])
def test_what_is_missing_is_named(command, small_folder, tmp_path, sound, capsys):
    missing = str(tmp_path / 'nothing')
    argument = missing if command is replay.main else 'Hello'
    options = [] if command is replay.main else ['--picture', missing]
    assert command([str(small_folder), argument, *options]) == 1
    assert 'nothing' in capsys.readouterr().err
    assert command([missing, str(sound)]) == 1
    assert 'nothing' in capsys.readouterr().err


def test_the_last_second_is_padded():
    units = list(replay.units_of(np.ones(20000, np.float32), ()))
    assert len(units) == 2
    assert units[1].audio.sum() == 4000
    assert units[1].audio.shape == (16000,)


def test_a_line_shows_where_a_turn_stands():
    going_on = UnitResult(3, Decision.SPEAK, 'Hello', turn_open=True)
    assert '   3 speak  >' in replay.line_of(going_on)
    ended = UnitResult(4, Decision.SPEAK, ' you.', end_of_turn=True)
    assert '   4 speak  .' in replay.line_of(ended)
