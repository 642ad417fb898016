# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import itertools

import pytest

from minicpmo_ros.barge_in.policy import TABLE, Input, Output, Policy, State

Q, S, P, H = State.QUIET, State.SPEAKING, State.PAUSED, State.HALTED
PAUSE, CONFIRM, RESUME = Output.PAUSE, Output.CONFIRM, Output.RESUME

# state: {input: (next state, outputs)}; what is not listed keeps the state and says nothing.
EXPECTED = {
    Q: {
        Input.TURN_OPENED: (S, ()),
        Input.STOP_PHRASE: (Q, (CONFIRM,)),
        Input.REQUEST: (Q, (CONFIRM,)),
        Input.ACTION: (Q, (CONFIRM,)),
        Input.HALT: (H, (CONFIRM,)),
    },
    S: {
        Input.TURN_CLOSED: (Q, ()),
        Input.ONSET: (P, (PAUSE,)),
        Input.SUSTAINED: (Q, (CONFIRM,)),
        Input.TALK_PRESSED: (Q, (CONFIRM,)),
        Input.STOP_PHRASE: (Q, (CONFIRM,)),
        Input.REQUEST: (Q, (CONFIRM,)),
        Input.ACTION: (Q, (CONFIRM,)),
        Input.MODEL_YIELD: (Q, (CONFIRM,)),
        Input.HALT: (H, (CONFIRM,)),
    },
    P: {
        Input.TURN_CLOSED: (Q, (RESUME,)),
        Input.SUSTAINED: (Q, (CONFIRM,)),
        Input.FADED: (S, (RESUME,)),
        Input.TALK_PRESSED: (Q, (CONFIRM,)),
        Input.STOP_PHRASE: (Q, (CONFIRM,)),
        Input.REQUEST: (Q, (CONFIRM,)),
        Input.ACTION: (Q, (CONFIRM,)),
        Input.MODEL_YIELD: (Q, (CONFIRM,)),
        Input.HALT: (H, (CONFIRM,)),
    },
    H: {
        Input.TURN_OPENED: (H, (CONFIRM,)),
        Input.STOP_PHRASE: (H, (CONFIRM,)),
        Input.REQUEST: (H, (CONFIRM,)),
        Input.ACTION: (H, (CONFIRM,)),
        Input.HALT: (H, (CONFIRM,)),
        Input.RELEASE: (Q, ()),
    },
}


@pytest.mark.parametrize('state', State)
@pytest.mark.parametrize('event', Input)
def test_every_row(state, event):
    policy = Policy()
    policy.state = state
    after, outputs = EXPECTED[state].get(event, (state, ()))
    assert policy.apply(event) == outputs
    assert policy.state is after


def test_table_has_every_pair_and_nothing_else():
    assert set(TABLE) == set(itertools.product(State, Input))


def test_a_pause_never_outlives_the_paused_state():
    for (state, _), (after, outputs) in TABLE.items():
        if state is P and after is not P:
            assert outputs and outputs[-1] in (RESUME, CONFIRM)
        if state is not P and after is P:
            assert outputs == (PAUSE,)


@pytest.mark.parametrize('length', [1, 2, 3])
def test_no_sequence_resumes_without_a_pause(length):
    for events in itertools.product(Input, repeat=length):
        policy, paused = Policy(), False
        for event in events:
            for output in policy.apply(event):
                assert output is not RESUME or paused
                paused = output is PAUSE


def test_reset_goes_back_to_silence():
    policy = Policy()
    policy.apply(Input.HALT)
    policy.reset()
    assert policy.state is Q
