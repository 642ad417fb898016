# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import stat

import numpy as np
import pytest

from minicpmo.errors import ConfigurationError
from minicpmo.speech import espeak
from minicpmo.speech.espeak import EspeakSpeech, EspeakVoice
from minicpmo.speech.protocol import SpeechSynthesizer


@pytest.fixture
def speech():
    speech = EspeakSpeech(EspeakVoice('en-us'))
    yield speech
    speech.close()


def say(speech, text, end=True):
    return speech.speak([], None, text, end)


def test_implements_the_protocol(speech):
    assert isinstance(speech, SpeechSynthesizer)
    assert speech.sample_rate == 24000


def test_words_cut_between_units_are_spoken_whole(speech):
    whole = say(speech, 'Good morning.')
    assert whole.dtype == np.float32
    assert 0.5 < len(whole) / speech.sample_rate < 2.0
    assert 0.1 < np.abs(whole).max() <= 1.0
    assert say(speech, 'Go', end=False).size == 0
    assert say(speech, 'od', end=False).size == 0
    good = say(speech, ' morn', end=False)
    morning = say(speech, 'ing.', end=True)
    np.testing.assert_array_equal(good, say(speech, 'Good ', end=False))
    np.testing.assert_array_equal(morning, say(speech, 'morning.'))


def test_a_model_that_ends_no_unit_inside_a_word_need_not_wait():
    speech = EspeakSpeech(whole_words=True)
    assert say(speech, 'Good', end=False).size > 0
    np.testing.assert_array_equal(say(speech, ' morning.'), say(speech, 'morning.'))
    speech.close()


def test_an_open_turn_has_no_hole_before_the_next_unit(speech):
    unit = speech.sample_rate
    short, quick = (say(speech, 'I see a ball ', end=end) for end in (False, True))
    assert len(quick) < 0.95 * unit < len(short) < 1.4 * unit
    tiny, whole = (say(speech, 'I am ', end=end) for end in (False, True))
    assert len(whole) < len(tiny) < 1.7 * len(whole)  # no slower than is natural
    long = 'I see the kitchen and a very large wooden table '
    np.testing.assert_array_equal(say(speech, long, end=False), say(speech, long))


def test_equal_texts_sound_equal_whatever_was_said_before(speech):
    first = say(speech, 'I am a robot.')
    say(speech, 'Something else, and longer.')
    np.testing.assert_array_equal(say(speech, 'I am a robot.'), first)
    other = EspeakSpeech(EspeakVoice('en-us'))
    np.testing.assert_array_equal(say(other, 'I am a robot.'), first)
    other.close()


def test_reset_turn_drops_what_waits(speech):
    say(speech, 'I will tell you a sec', end=False)
    speech.reset_turn(keep_decoder_context=True)
    np.testing.assert_array_equal(say(speech, 'Yes.'), say(EspeakSpeech(), 'Yes.'))


@pytest.mark.parametrize('text', ['', ' ', '...', '\n', '\x00\x01', '—'])
def test_nothing_to_pronounce_is_silent(speech, text):
    assert say(speech, text).size == 0


@pytest.mark.parametrize(
    'text',
    [
        '-f /etc/passwd',
        '--help',
        '$(reboot)',
        '<speak><break time="60s"/></speak>',
        '[[h@loU]]',
        'a\x01 400s b',
        '\ud83d\ude00 ok',
    ],
)
def test_text_is_never_a_command(speech, text):
    sound = say(speech, text)
    assert 0.2 < len(sound) / speech.sample_rate < 10.0
    assert speech.failures == 0


def test_speed_and_pitch_are_heard():
    slow, fast, high = (
        EspeakSpeech(voice)
        for voice in (EspeakVoice(speed=120), EspeakVoice(speed=240), EspeakVoice(pitch=90))
    )
    text = 'The lamp in the kitchen is on.'
    assert len(say(slow, text)) > 1.4 * len(say(fast, text))
    assert not np.array_equal(say(high, text), say(EspeakSpeech(), text))


@pytest.mark.parametrize(
    'values',
    [
        {'name': '-v'},
        {'name': 'en; reboot'},
        {'name': '../en'},
        {'name': ''},
        {'speed': 1000},
        {'speed': '175'},
        {'pitch': -1},
        {'amplitude': 201},
    ],
)
def test_bad_options_are_refused(values):
    with pytest.raises(ConfigurationError):
        EspeakVoice(**values)


def test_an_unknown_voice_is_refused():
    with pytest.raises(ConfigurationError, match='does not exist'):
        EspeakSpeech(EspeakVoice('zz-nowhere'))


def test_a_missing_program_names_the_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(ConfigurationError, match='apt install espeak-ng'):
        EspeakSpeech()


def fake_program(folder, script):
    path = folder / 'espeak-ng'
    path.write_text('#!/bin/sh\n' + script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_failing_program_costs_one_piece_only(monkeypatch, tmp_path, caplog, speech):
    before = say(speech, 'One.')
    speech.close()
    good = speech._program
    for script in ('cat > /dev/null; exit 3', 'kill -9 $$', 'cat > /dev/null', 'sleep 20'):
        monkeypatch.setattr(espeak, 'TIMEOUT', 0.3)
        speech._program = fake_program(tmp_path, script)
        assert say(speech, 'One.').size == 0
        assert 'not spoken' in caplog.text
        caplog.clear()
        speech.close()
    assert speech.failures == 4
    monkeypatch.undo()
    speech._program = good
    np.testing.assert_array_equal(say(speech, 'One.'), before)


def test_a_slower_reading_that_fails_is_heard_at_the_first_speed(tmp_path, caplog, speech):
    before = say(speech, 'I am ')  # a turn that ends has no next unit to wait for
    own, program = f'-s {speech._voice.speed} ', speech._program
    speech._program = fake_program(
        tmp_path, f'case "$* " in *"{own}"*) exec {program} "$@";; esac\ncat > /dev/null; exit 3'
    )
    np.testing.assert_array_equal(say(speech, 'I am ', end=False), before)
    assert speech.failures == 1
    assert 'not spoken more slowly' in caplog.text and 'exit status 3' in caplog.text


def test_close_ends_the_process_and_can_be_repeated(speech):
    process = speech._process
    speech.close()
    speech.close()
    assert process.poll() is not None


def test_command_line_writes_a_file(tmp_path, capsys):
    import soundfile

    out = tmp_path / 'out.wav'
    espeak.main(['Good morning', str(out)])
    samples, rate = soundfile.read(str(out))
    assert rate == 24000
    assert len(samples) > 12000
    assert 's' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        espeak.main(['Good morning', str(out), '--voice', 'zz-nowhere'])
