# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One run of one scene: voices, sentence and room are chosen by its number."""

from __future__ import annotations

import numpy as np

from benchmarks.barge_in_simulation.acoustic_path import EchoPath, PathConfig, room_response
from benchmarks.barge_in_simulation.live_scene import BLOCK, LiveScene
from benchmarks.barge_in_simulation.material import (
    BENCHMARK_CAST,
    CHINESE_BACKCHANNELS,
    CHINESE_VOICE,
    Cast,
    Material,
)
from benchmarks.barge_in_simulation.record import Record, System
from benchmarks.barge_in_simulation.scenario import Event, Scenario
from training.nano.sound import colored_noise, convolve
from training.nano.voice import SAMPLE_RATE

NOISE_LEVEL = 10 ** (-66 / 20)
AFTER_SECONDS = 1.5
# Energy of the direct sound over that of the room [dB], by source.
DIRECTNESS = {'user': 9.0, 'backchannel': 9.0, 'broadcast': -2.0, 'person': 0.0}


class Trial:
    """Runs one scene with voices, sentence and room chosen by its number."""

    def __init__(
        self,
        scenario: Scenario,
        number: int,
        material: Material,
        cast: Cast = BENCHMARK_CAST,
    ) -> None:
        self._scenario = scenario
        self._number = number
        self._material = material
        self._cast = cast
        self._random = np.random.default_rng([7, number, len(scenario.name)])
        self._user = cast.users[number % len(cast.users)]
        self._robot_begin = scenario.silence + scenario.thinking
        self._answer = self._make_answer(max(scenario.monologue, 9.0), number)
        self._greeting = None
        if scenario.greeting:
            sound = self._make_answer(scenario.greeting, number + 1)
            self._greeting = sound[: int(scenario.greeting * SAMPLE_RATE)]
        room = self._random.uniform(0.2, 0.5)
        self._decay = room
        self._echo_response = room_response(self._random, room, self._random.uniform(3.0, 9.0))

    def _make_answer(self, wanted: float, number: int) -> np.ndarray:
        """Return sentences of the robot from one of them on, as many as wanted [s]."""
        voice = self._cast.robots[(self._number * 3) % len(self._cast.robots)]
        pieces = []
        while sum(piece.size for piece in pieces) < wanted * SAMPLE_RATE:
            text = self._cast.answers[number % len(self._cast.answers)]
            pieces.append(self._material.speech(voice, text))
            pieces.append(np.zeros(int(0.25 * SAMPLE_RATE), np.float32))
            number += 1
        return np.concatenate(pieces)

    def _sound(self, event: Event) -> np.ndarray:
        """Return what an event sounds like at the microphone."""
        number, material, cast = self._number, self._material, self._cast
        if event.source == 'user':
            text = cast.interruptions[(number + int(event.time)) % len(cast.interruptions)]
            dry = material.speech(self._user, text)
        elif event.source == 'backchannel' and number % 5 == 4:
            text = CHINESE_BACKCHANNELS[number % len(CHINESE_BACKCHANNELS)]
            dry = material.speech(CHINESE_VOICE, text)
        elif event.source == 'backchannel':
            text = cast.backchannels[number % len(cast.backchannels)]
            dry = material.speech(self._user, text)
        elif event.source == 'broadcast':
            dry = material.speech(self._user, cast.broadcast[number % len(cast.broadcast)])
        elif event.source == 'person':
            dry = material.speech(self._user, cast.conversation[number % len(cast.conversation)])
        else:
            dry = material.noise(event.source, event.seconds, self._random)
        dry = dry[: int(event.seconds * SAMPLE_RATE)]
        direct = DIRECTNESS.get(event.source, 3.0)
        wet = convolve(dry, room_response(self._random, self._decay, direct))
        return wet * np.float32(10 ** (event.level / 20))

    def _question(self) -> tuple[np.ndarray, int]:
        """Return the question that the robot answers, and where in it the speech ends."""
        questions = self._cast.questions
        dry = self._material.speech(self._user, questions[self._number % len(questions)])
        response = room_response(self._random, self._decay, DIRECTNESS['user'])
        return convolve(dry, response), dry.size

    def run(self, system: System) -> Record:
        """Run the scene and return what happened."""
        run = LiveScene(
            self._scenario,
            system,
            self._robot_begin,
            self._answer,
            self._duration(),
            self._greeting,
        )
        path = PathConfig(
            self._scenario.echo,
            self._scenario.delay,
            self._scenario.drift,
            self._scenario.clipping,
        )
        run.path = EchoPath(path, self._echo_response, BLOCK)
        noise = colored_noise(self._random, run.room.size, 1.0)
        run.room += noise * NOISE_LEVEL
        run.add(self._robot_begin - 0.9, *self._question())
        for event in self._scenario.events:
            if not event.after_cut:
                run.place(event, self._robot_begin + event.time, self._sound(event))
        run.later = [
            (event, self._sound(event)) for event in self._scenario.events if event.after_cut
        ]
        run.go()
        return run.record

    def _duration(self) -> float:
        """Return how long the scene lasts [s]."""
        if self._scenario.monologue:
            return self._robot_begin + self._scenario.monologue
        last = max(
            max(event.time, 2.0) + min(event.seconds, 4.0) for event in self._scenario.events
        )
        if any(event.after_cut for event in self._scenario.events):
            last += 9.0
        return self._robot_begin + last + AFTER_SECONDS
