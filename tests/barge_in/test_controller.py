# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest

from minicpmo_ros.barge_in.configuration import BargeInConfig
from minicpmo_ros.barge_in.controller import BargeInController, PlaybackReport, Reason
from minicpmo_ros.barge_in.policy import Input, Output, State
from minicpmo_ros.barge_in.speech_evidence import FRAME_SECONDS, SpeechFrame
from minicpmo_ros.errors import ParameterError


class Scene:
    """A robot that speaks and a person, on a clock driven by the test."""

    def __init__(self, **settings):
        self.controller = BargeInController(BargeInConfig(**settings))
        self.time = 100.0
        self.commands = []
        self.played = 0.0
        self.turn, self.epoch = 0, 1

    def robot(self, playing=True, paused=False, queued=5.0):
        self.commands += self.controller.playback(
            PlaybackReport(self.time, self.turn, self.epoch, playing, paused, self.played, queued)
        )

    def speak(self, seconds=2.0):
        """Let the robot speak a new turn for a while."""
        self.turn += 1
        self.played = 0.0
        self.commands += self.controller.model(True, self.turn, self.epoch, self.time)
        self.frames(seconds, speech=False)

    def frames(self, seconds, speech=True, level=-25.0, robot=True):
        for _ in range(round(seconds / FRAME_SECONDS)):
            self.time += FRAME_SECONDS
            sounding = robot and self.controller.state is State.SPEAKING
            if sounding:
                self.played += FRAME_SECONDS
            if robot and self.controller.state is not State.QUIET:
                self.robot(playing=sounding, paused=not sounding)
            frame = SpeechFrame(self.time, 0.95 if speech else 0.02, level if speech else -70.0)
            self.commands += self.controller.user_speech(frame)
            self.commands += self.controller.tick(self.time)

    @property
    def stages(self):
        return [command.stage for command in self.commands]


def test_interruption_pauses_at_once_and_is_confirmed_later():
    scene = Scene()
    scene.speak(3.0)
    begin = scene.time
    scene.frames(0.096)
    assert scene.stages == [Output.PAUSE]
    scene.frames(1.0)
    assert scene.stages == [Output.PAUSE, Output.CONFIRM]
    pause, confirm = scene.commands
    assert confirm.reason is Reason.USER_SPEECH and confirm.epoch == 1 and confirm.turn_id == 1
    assert confirm.played == pytest.approx(scene.played) == pytest.approx(pause.played)
    assert scene.time - begin < 1.2


def test_backchannel_is_given_back():
    scene = Scene()
    scene.speak(3.0)
    scene.frames(0.4)
    scene.frames(1.0, speech=False)
    assert scene.stages == [Output.PAUSE, Output.RESUME]
    assert scene.controller.state is State.SPEAKING


def test_start_guard_asks_for_more_but_is_not_deaf():
    scene = Scene()
    scene.speak(0.1)
    scene.frames(0.128)
    assert scene.stages == []
    scene.frames(0.064)
    assert scene.stages == [Output.PAUSE]


def test_patience_grows_with_every_pause_in_vain_and_is_forgotten():
    scene = Scene()
    scene.speak(3.0)
    needed = []
    for _ in range(5):
        before = len(scene.commands)
        count = 0
        while len(scene.commands) == before:
            scene.frames(FRAME_SECONDS)
            count += 1
        needed.append(count)
        scene.frames(0.6, speech=False)
    assert needed == [3, 4, 5, 6, 6]
    scene.frames(25.0, speech=False)
    scene.frames(0.096)
    assert scene.stages[-1] is Output.PAUSE


def test_speech_below_the_level_of_the_distance_does_not_count():
    scene = Scene(distance='near')
    scene.speak(3.0)
    scene.frames(2.0, level=-40.0)
    assert scene.stages == []
    scene.frames(0.1, level=-36.0)
    assert scene.stages == [Output.PAUSE]


def test_somebody_far_below_the_known_speaker_only_pauses():
    scene = Scene()
    scene.frames(2.0, level=-25.0)  # a question
    scene.speak(3.0)
    scene.frames(3.0, level=-37.0)
    assert scene.stages[:2] == [Output.PAUSE, Output.RESUME]
    assert Output.CONFIRM not in scene.stages


def test_a_television_that_begins_pauses_the_robot_only_once():
    scene = Scene()
    scene.controller.speaker_level.learn(scene.time, [-20.0] * 20)
    scene.speak()
    scene.frames(4.0, level=-34.0)  # 14 dB below: enough for a pause, too little for more
    assert scene.stages == [Output.PAUSE, Output.RESUME]
    scene.frames(1.5, level=-20.0)
    assert scene.stages[2:] == [Output.PAUSE, Output.CONFIRM]


def test_a_known_speaker_is_forgotten():
    scene = Scene(speaker_memory=5.0)
    scene.frames(2.0, level=-25.0)
    scene.speak(6.0)
    scene.frames(2.0, level=-37.0)
    assert scene.stages == [Output.PAUSE, Output.CONFIRM]


@pytest.mark.parametrize('mode', ['never', 'push_to_talk'])
def test_talking_does_not_interrupt_in_other_modes(mode):
    scene = Scene(mode=mode)
    scene.speak(3.0)
    scene.frames(2.0)
    assert scene.stages == []
    assert scene.controller.command(Input.STOP_PHRASE, scene.time)


def test_talk_button_counts_only_in_its_mode():
    for mode, expected in (('push_to_talk', [Output.CONFIRM]), ('open', []), ('never', [])):
        scene = Scene(mode=mode)
        scene.speak(1.0)
        commands = scene.controller.command(Input.TALK_PRESSED, scene.time)
        assert [command.stage for command in commands] == expected


@pytest.mark.parametrize(
    'event, reason',
    [
        (Input.STOP_PHRASE, Reason.STOP_PHRASE),
        (Input.REQUEST, Reason.REQUEST),
        (Input.ACTION, Reason.ACTION),
        (Input.HALT, Reason.EMERGENCY_STOP),
        (Input.MODEL_YIELD, Reason.MODEL_YIELD),
    ],
)
def test_commands_bypass_every_gate(event, reason):
    scene = Scene(mode='never')
    scene.speak(0.1)  # inside the start guard
    (command,) = scene.controller.command(event, scene.time, 0.7)
    assert command.stage is Output.CONFIRM and command.reason is reason
    assert command.confidence == 0.7


def test_an_idle_listen_is_no_yield():
    scene = Scene()
    assert scene.controller.command(Input.MODEL_YIELD, scene.time) == []


def test_emergency_stop_voids_every_new_turn_until_released():
    scene = Scene()
    scene.speak(1.0)
    scene.commands += scene.controller.command(Input.HALT, scene.time)
    for epoch in (2, 3):
        commands = scene.controller.model(True, epoch, epoch, scene.time)
        assert [(c.stage, c.epoch, c.reason) for c in commands] == [
            (Output.CONFIRM, epoch, Reason.EMERGENCY_STOP)
        ]
    assert scene.controller.command(Input.RELEASE, scene.time) == []
    assert scene.controller.model(True, 4, 4, scene.time) == []
    assert scene.controller.state is State.SPEAKING


def test_interruption_while_the_model_thinks():
    scene = Scene()
    scene.commands += scene.controller.model(True, 1, 1, scene.time)
    scene.frames(1.0, robot=False)
    assert scene.stages == [Output.PAUSE, Output.CONFIRM]
    assert scene.commands[-1].played == 0.0


def test_late_reports_of_a_void_epoch_open_nothing():
    scene = Scene()
    scene.speak(3.0)
    scene.frames(1.2)
    assert scene.controller.state is State.QUIET
    scene.robot(playing=True)
    assert scene.controller.model(True, 1, 1, scene.time) == []
    assert scene.controller.state is State.QUIET


def test_a_model_that_missed_the_cut_is_reminded():
    scene = Scene()
    scene.speak(3.0)
    scene.frames(1.2)
    (again,) = scene.controller.model(False, 0, 1, scene.time + 3.0)
    assert again == scene.commands[-1]
    assert scene.controller.model(False, 0, 1, scene.time + 3.1) == []
    assert scene.controller.model(False, 0, 2, scene.time + 9.0) == []


def test_the_pause_ends_with_the_turn():
    scene = Scene()
    scene.speak(3.0)
    scene.frames(0.128)
    scene.commands += scene.controller.model(False, 1, 1, scene.time)
    scene.robot(playing=False, queued=0.0)
    assert scene.stages == [Output.PAUSE, Output.RESUME]
    assert scene.controller.state is State.QUIET


def test_heard_text_follows_the_played_position():
    scene = Scene()
    scene.controller.heard.add(1, 0.0, 1.0, 'one two ')
    scene.controller.heard.add(1, 1.0, 9.0, 'and much more')
    scene.speak(1.024)
    (command,) = scene.controller.command(Input.REQUEST, scene.time)
    assert command.played == pytest.approx(1.024, abs=1e-6)
    assert command.heard_text == 'one two'


def test_played_is_carried_forward_between_reports_but_not_far():
    scene = Scene()
    scene.speak(1.0)
    (command,) = scene.controller.command(Input.REQUEST, scene.time + 0.06)
    assert command.played == pytest.approx(scene.played + 0.06)
    scene.epoch = 2
    scene.speak(1.0)
    (command,) = scene.controller.command(Input.REQUEST, scene.time + 9.0)
    assert command.played <= scene.played + 0.16


def test_two_interruptions_one_second_apart():
    scene = Scene()
    scene.speak(3.0)
    scene.frames(1.0)
    scene.epoch = 2
    scene.frames(0.5, speech=False)
    scene.speak(0.5)
    scene.frames(1.2)
    cuts = [command for command in scene.commands if command.stage is Output.CONFIRM]
    assert [(cut.turn_id, cut.epoch) for cut in cuts] == [(1, 1), (2, 2)]


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_unusable_numbers_change_nothing(value):
    scene = Scene()
    scene.speak(1.0)
    assert scene.controller.user_speech(SpeechFrame(scene.time, value, -20.0)) == []
    assert scene.controller.user_speech(SpeechFrame(value, 0.9, -20.0)) == []
    scene.controller.user_speech(SpeechFrame(scene.time, 0.1, value))
    assert math.isfinite(scene.controller.noise_floor.level)


def test_reset_keeps_the_void_epoch():
    scene = Scene()
    scene.speak(1.0)
    scene.controller.command(Input.REQUEST, scene.time)
    scene.controller.reset()
    scene.controller.model(True, 1, 1, scene.time)
    assert scene.controller.state is State.QUIET


def test_a_storm_of_requests_only_repeats_itself():
    scene = Scene()
    scene.speak(1.0)
    commands = []
    for number in range(1000):
        commands += scene.controller.command(Input.REQUEST, scene.time + number / 100)
    assert {(c.stage, c.epoch) for c in commands} == {(Output.CONFIRM, 1)}
    assert scene.controller.state is State.QUIET


def test_settings_that_contradict_are_refused():
    with pytest.raises(ParameterError, match='backchannel 0.2'):
        BargeInConfig(backchannel=0.2, onset=0.3)


ACTIONS = st.one_of(
    st.tuples(st.just('command'), st.sampled_from(list(Input))),
    st.tuples(st.just('frame'), st.floats(0.0, 1.0)),
    st.tuples(st.just('robot'), st.tuples(st.booleans(), st.booleans(), st.integers(0, 6))),
    st.tuples(st.just('model'), st.tuples(st.booleans(), st.integers(0, 6))),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTIONS, max_size=60))
def test_nothing_sticks_whatever_happens(actions):
    """Pauses end, epochs never fall, and after a release and silence the robot is at rest."""
    scene, commands = Scene(), []
    controller = scene.controller
    for kind, value in actions:
        scene.time += FRAME_SECONDS
        if kind == 'command':
            commands += controller.command(value, scene.time)
        elif kind == 'frame':
            commands += controller.user_speech(SpeechFrame(scene.time, value, -30.0))
        elif kind == 'robot':
            playing, paused, epoch = value
            commands += controller.playback(
                PlaybackReport(scene.time, epoch, epoch, playing, paused, 0.5, 1.0)
            )
        else:
            speaking, epoch = value
            commands += controller.model(speaking, epoch, epoch, scene.time)
    epochs = [command.epoch for command in commands if command.stage is Output.CONFIRM]
    assert epochs == sorted(epochs)
    commands += controller.command(Input.RELEASE, scene.time)
    commands += controller.model(False, 9, 9, scene.time)
    commands += controller.playback(PlaybackReport(scene.time, 9, 9, False, False, 0.0, 0.0))
    assert controller.state is State.QUIET
    held = [command.stage for command in commands]
    assert not held or held[-1] is not Output.PAUSE
