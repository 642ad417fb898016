# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A backend whose answers are written down beforehand, for tests of what surrounds the engine.

Each unit takes the next step of the script; after its end it listens. A step is 'listen',
'say WORDS', 'end WORDS' (last unit of a turn), 'yield', 'fail', or 'reject'.
"""

from collections.abc import Sequence
import threading

import numpy as np

from minicpmo.errors import InputError
from minicpmo.protocol import Capabilities, Decision, Heard, Unit, UnitResult, UnitTimings


class ScriptedSession:
    """Implements minicpmo.protocol.Session."""

    flow_steps = 10

    def __init__(self, script: Sequence[str], gate: threading.Event | None = None) -> None:
        self.script = list(script)
        self.gate = gate
        self.units: list[Unit] = []
        self.heard: list[Heard] = []
        self.resets = 0
        self.entered = 0
        self.taken_back = 0
        self.closed = False
        self.turn_open = False
        self.given = ''
        self.giving = False

    def step(self, unit: Unit) -> UnitResult:
        self.entered += 1
        if self.gate is not None:
            self.gate.wait(10.0)
        if self.given and not unit.force_listen:
            self.script[:0] = [f'end {self.given}']
            self.given, self.giving = '', True
        else:
            self.giving = False
        kind, _, words = (self.script.pop(0) if self.script else 'listen').partition(' ')
        if kind == 'reject':
            raise InputError('audio of unit is not usable: scripted')
        if kind == 'fail':
            raise RuntimeError('device lost: scripted')
        wanted = unit.force_listen and kind in ('say', 'end')
        if unit.force_listen:
            kind, words = 'listen', ''
        self.units.append(unit)
        speaking = kind in ('say', 'end')
        yielded = kind == 'yield' and self.turn_open
        self.turn_open = kind == 'say'
        return UnitResult(
            index=unit.index,
            decision=Decision.SPEAK if speaking else Decision.LISTEN,
            text=words + ' ' if words else '',
            token_ids=list(range(len(words.split()))),
            speech=np.full(24000, 0.25, np.float32) if speaking else None,
            end_of_turn=kind == 'end',
            yielded=yielded,
            turn_open=self.turn_open,
            wanted_to_speak=wanted,
            given_words=self.giving,
            context_tokens=100 + len(self.units),
            timings=UnitTimings(prefill=0.01, decode=0.02, speech=0.03),
        )

    def say(self, text: str) -> None:
        self.given = text

    def interrupt(self, heard: Heard) -> None:
        self.heard.append(heard)
        self.turn_open = False

    def take_back(self) -> None:
        self.taken_back += 1
        self.turn_open = False

    def ask_yes_no(self, question: str) -> float | None:
        return None

    def reset(self) -> None:
        self.resets += 1
        self.turn_open = False

    def close(self) -> None:
        self.closed = True


class ScriptedBackend:
    """Implements minicpmo.protocol.Backend."""

    capabilities = Capabilities(
        'scripted', True, True, True, True, True, False, 'scripted-1', says_given_words=True
    )

    def __init__(self, script: Sequence[str] = (), gate: threading.Event | None = None) -> None:
        self.script = script
        self.gate = gate
        self.sessions: list[ScriptedSession] = []
        self.prompts: list[str | None] = []

    def prepare(self, system_prompt: str | None = None, **options: object) -> ScriptedSession:
        self.prompts.append(system_prompt)
        self.sessions.append(ScriptedSession(self.script, self.gate))
        return self.sessions[-1]


def load(folder: object, device: str, dtype: str, progress: object) -> ScriptedBackend:
    """Return a backend that answers in its third unit (for node sets in processes)."""
    return ScriptedBackend(['listen', 'listen', 'say hello', 'end there'])
