# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The scenes: who makes which sound when, and how loud the robot's echo is."""

from __future__ import annotations

from dataclasses import dataclass, replace

# Kinds of events. Only an interruption is meant for the robot.
INTERRUPTION = 'interruption'
BACKCHANNEL = 'backchannel'
NOISE = 'noise'

# A share of 60 is known to about six hundredths when none is missed; the other scenes are shown
# for the shape of the curve.
TRIALS = 20
BAR_TRIALS = 60


@dataclass(frozen=True)
class Event:
    """A sound in the room.

    kind: INTERRUPTION, BACKCHANNEL or NOISE.
    source: 'user', 'backchannel', 'broadcast', 'person', 'cough', 'door', 'music', 'dishes'.
    time: begin, in seconds after the robot's first word.
    level: re a user at 1.5 m [dB].
    seconds: longest duration.
    after_cut: the time counts from the first word of the answer to the cut before.
    """

    kind: str
    source: str
    time: float
    level: float = 0.0
    seconds: float = 8.0
    after_cut: bool = False


@dataclass(frozen=True)
class Scenario:
    """One scene, repeated with other voices, sentences and rooms.

    echo: level of the robot's echo re the user, both at the microphone [dB].
    silence: before the robot begins, with the user's question in it [s].
    greeting: the robot has said something of that length before the question [s].
    thinking: time between the model's decision and its first sound [s].
    volume_change: factor on the volume from one second into the answer on.
    monologue: the robot talks so long and nobody else does [s].
    """

    name: str
    group: str
    events: tuple[Event, ...] = ()
    echo: float = -6.0
    delay: float = 0.06
    drift: float = 30.0
    clipping: float = 0.5
    silence: float = 3.2
    greeting: float = 0.0
    thinking: float = 0.2
    volume_change: float = 1.0
    monologue: float = 0.0
    trials: int = TRIALS


def _interruption(time: float) -> tuple[Event, ...]:
    return (Event(INTERRUPTION, 'user', time),)


def _noise(source: str, time: float, level: float, seconds: float = 8.0) -> tuple[Event, ...]:
    return (Event(NOISE, source, time, level, seconds),)


ECHO_LEVELS = (-12.0, -6.0, 0.0, 6.0, 12.0)

SCENARIOS: tuple[Scenario, ...] = (
    Scenario('headphones', 'interruption', _interruption(2.0), echo=-90.0, trials=BAR_TRIALS),
    *(
        Scenario(
            f'echo {level:+.0f} dB',
            'interruption',
            _interruption(2.0),
            echo=level,
            trials=BAR_TRIALS if level <= 6.0 else TRIALS,
        )
        for level in ECHO_LEVELS
    ),
    *(
        Scenario(
            f'{time} s into the answer', 'interruption', _interruption(time), trials=BAR_TRIALS
        )
        for time in (0.3, 6.0)
    ),
    Scenario(
        '0.3 s into a later answer',
        'interruption',
        _interruption(0.3),
        silence=9.0,
        greeting=5.0,
        trials=BAR_TRIALS,
    ),
    Scenario('while thinking', 'interruption', _interruption(-0.9), thinking=1.5),
    Scenario(
        'two, one second apart',
        'interruption',
        (*_interruption(2.0), Event(INTERRUPTION, 'user', 1.0, after_cut=True)),
    ),
    Scenario(
        'volume doubled',
        'interruption',
        _interruption(3.0),
        volume_change=2.0,
        trials=BAR_TRIALS,
    ),
    Scenario('250 ms playback delay', 'interruption', _interruption(2.0), delay=0.25),
    Scenario('100 ppm drift', 'interruption', _interruption(4.0), drift=100.0),
    Scenario('overdriven loudspeaker', 'interruption', _interruption(2.0), clipping=2.0),
    Scenario(
        'backchannel',
        'backchannel',
        (Event(BACKCHANNEL, 'backchannel', 2.0),),
        trials=BAR_TRIALS,
    ),
    Scenario(
        'backchannel, echo +6 dB',
        'backchannel',
        (Event(BACKCHANNEL, 'backchannel', 2.0),),
        echo=6.0,
    ),
    Scenario('cough', 'noise', _noise('cough', 2.0, 0.0)),
    Scenario('door slam', 'noise', _noise('door', 2.0, 6.0, 1.0)),
    Scenario('dishes', 'noise', _noise('dishes', 2.0, -3.0, 4.0)),
    Scenario('music', 'noise', _noise('music', 1.0, -6.0, 8.0)),
    Scenario('television on', 'noise', _noise('broadcast', -9.5, -12.0, 18.0), silence=10.0),
    Scenario('television begins', 'noise', _noise('broadcast', 2.0, -12.0, 8.0)),
    Scenario('second person', 'noise', _noise('person', 2.0, -12.0)),
    *(
        Scenario(
            f'monologue, echo {level:+.0f} dB',
            'monologue',
            echo=level,
            monologue=150.0,
            trials=4,
        )
        for level in (-6.0, 0.0, 6.0, 12.0)
    ),
)


def quick(scenario: Scenario, trials: int) -> Scenario:
    """Return the same scene with fewer and shorter trials."""
    return replace(
        scenario,
        trials=min(scenario.trials, trials),
        monologue=min(scenario.monologue, 20.0),
    )
