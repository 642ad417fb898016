# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of barge-in: (state, input) -> (state, outputs)."""

from __future__ import annotations

import enum


class State(enum.Enum):
    """What the robot's voice is doing."""

    QUIET = 'quiet'
    SPEAKING = 'speaking'
    PAUSED = 'paused'
    HALTED = 'halted'


class Input(enum.Enum):
    """What can happen."""

    TURN_OPENED = 'turn_opened'  # the robot speaks, or has decided to
    TURN_CLOSED = 'turn_closed'  # nothing more to play and none announced
    ONSET = 'onset'  # a person began to speak
    SUSTAINED = 'sustained'  # and goes on beyond the length of a backchannel
    FADED = 'faded'  # or fell silent within it
    TALK_PRESSED = 'talk_pressed'  # push-to-talk
    STOP_PHRASE = 'stop_phrase'
    REQUEST = 'request'  # a program or a button asks for silence
    ACTION = 'action'  # a robot action needs silence
    MODEL_YIELD = 'model_yield'  # the model gave up its open turn
    HALT = 'halt'  # emergency stop
    RELEASE = 'release'  # emergency stop cleared


class Output(enum.Enum):
    """What the player and the inference node are told."""

    PAUSE = 'pause'
    CONFIRM = 'confirm'
    RESUME = 'resume'


_CUT = (State.QUIET, (Output.CONFIRM,))

# Every pair is written down, so that a missing one is an error and not a silent default.
TABLE: dict[tuple[State, Input], tuple[State, tuple[Output, ...]]] = {
    # Silence. Speech of the user is what the model listens to; nothing is there to stop. Stop
    # phrases and requests are passed on all the same: an answer may be on its way.
    (State.QUIET, Input.TURN_OPENED): (State.SPEAKING, ()),
    (State.QUIET, Input.TURN_CLOSED): (State.QUIET, ()),
    (State.QUIET, Input.ONSET): (State.QUIET, ()),
    (State.QUIET, Input.SUSTAINED): (State.QUIET, ()),
    (State.QUIET, Input.FADED): (State.QUIET, ()),
    (State.QUIET, Input.TALK_PRESSED): (State.QUIET, ()),
    (State.QUIET, Input.STOP_PHRASE): _CUT,
    (State.QUIET, Input.REQUEST): _CUT,
    (State.QUIET, Input.ACTION): _CUT,
    (State.QUIET, Input.MODEL_YIELD): (State.QUIET, ()),
    (State.QUIET, Input.HALT): (State.HALTED, (Output.CONFIRM,)),
    (State.QUIET, Input.RELEASE): (State.QUIET, ()),
    # The robot speaks.
    (State.SPEAKING, Input.TURN_OPENED): (State.SPEAKING, ()),
    (State.SPEAKING, Input.TURN_CLOSED): (State.QUIET, ()),
    (State.SPEAKING, Input.ONSET): (State.PAUSED, (Output.PAUSE,)),
    (State.SPEAKING, Input.SUSTAINED): _CUT,
    (State.SPEAKING, Input.FADED): (State.SPEAKING, ()),
    (State.SPEAKING, Input.TALK_PRESSED): _CUT,
    (State.SPEAKING, Input.STOP_PHRASE): _CUT,
    (State.SPEAKING, Input.REQUEST): _CUT,
    (State.SPEAKING, Input.ACTION): _CUT,
    (State.SPEAKING, Input.MODEL_YIELD): _CUT,
    (State.SPEAKING, Input.HALT): (State.HALTED, (Output.CONFIRM,)),
    (State.SPEAKING, Input.RELEASE): (State.SPEAKING, ()),
    # The robot holds its breath until it is known whether the person means to interrupt.
    (State.PAUSED, Input.TURN_OPENED): (State.PAUSED, ()),
    (State.PAUSED, Input.TURN_CLOSED): (State.QUIET, (Output.RESUME,)),
    (State.PAUSED, Input.ONSET): (State.PAUSED, ()),
    (State.PAUSED, Input.SUSTAINED): _CUT,
    (State.PAUSED, Input.FADED): (State.SPEAKING, (Output.RESUME,)),
    (State.PAUSED, Input.TALK_PRESSED): _CUT,
    (State.PAUSED, Input.STOP_PHRASE): _CUT,
    (State.PAUSED, Input.REQUEST): _CUT,
    (State.PAUSED, Input.ACTION): _CUT,
    (State.PAUSED, Input.MODEL_YIELD): _CUT,
    (State.PAUSED, Input.HALT): (State.HALTED, (Output.CONFIRM,)),
    (State.PAUSED, Input.RELEASE): (State.PAUSED, ()),
    # Emergency stop: whatever the robot begins to say is void at once.
    (State.HALTED, Input.TURN_OPENED): (State.HALTED, (Output.CONFIRM,)),
    (State.HALTED, Input.TURN_CLOSED): (State.HALTED, ()),
    (State.HALTED, Input.ONSET): (State.HALTED, ()),
    (State.HALTED, Input.SUSTAINED): (State.HALTED, ()),
    (State.HALTED, Input.FADED): (State.HALTED, ()),
    (State.HALTED, Input.TALK_PRESSED): (State.HALTED, ()),
    (State.HALTED, Input.STOP_PHRASE): (State.HALTED, (Output.CONFIRM,)),
    (State.HALTED, Input.REQUEST): (State.HALTED, (Output.CONFIRM,)),
    (State.HALTED, Input.ACTION): (State.HALTED, (Output.CONFIRM,)),
    (State.HALTED, Input.MODEL_YIELD): (State.HALTED, ()),
    (State.HALTED, Input.HALT): (State.HALTED, (Output.CONFIRM,)),
    (State.HALTED, Input.RELEASE): (State.QUIET, ()),
}


class Policy:
    """The table with its current state."""

    def __init__(self) -> None:
        self.state = State.QUIET

    def apply(self, event: Input) -> tuple[Output, ...]:
        """Take one step and return what to tell the others."""
        self.state, outputs = TABLE[self.state, event]
        return outputs

    def reset(self) -> None:
        """Go back to silence."""
        self.state = State.QUIET
