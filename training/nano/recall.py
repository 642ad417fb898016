# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Requests and quiet seconds of known streams, met again with other pictures and long pasts.

What is agreed lives in what was said, and after an hour that is a long text of which the last
reminder, or an open watch, has to be picked. In conversations such pasts are rare for each
request. No encoder has to run for another past, so the language model can learn this alone.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch

from training.nano.asking import act, draw_request, past
from training.nano.language_data import Sequence, SequenceWriter
from training.nano.oracle import Hearing
from training.nano.question import classes_of
from training.nano.renderer import ATTRIBUTES, state_of
from training.nano.script import INTENT_NAMES
from training.nano.stream import Stream
from training.nano.timeline import Script

_BEFORE = 3  # quiet units at least before a request that is used
_LONGEST_REQUEST = 3  # units
_FIRST_UNITS = 3  # of a stream, which the model hears with an empty past
_ASKED_SHARE = 0.55
_REMIND_SHARE = 0.25  # of the requests ask for the last reminder, besides those by chance
_FALLS = 0.05  # share of the pictures with a fall
_CHANGES = 0.5  # share in which the scene changes
_QUIET_UNITS = 4  # at most, in which nobody asks
_ANSWER_UNITS = 7  # to answer in


class RowBank:
    """Where requests are complete and where it is quiet in streams, and their pictures.

    requests: by name (stream, first unit, last unit) of each; quiet: units of every stream.
    pictures: float16 [n, queries, hidden]; classes: int64 [n, 10] of each, ordered as
    ``renderer.ATTRIBUTES``; scenes: what they show.
    """

    def __init__(self, streams: list[Stream]) -> None:
        self.streams = streams
        self.requests: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        self.quiet: list[list[int]] = []
        for number, stream in enumerate(streams):
            self._read(number, stream)
        self.pictures = torch.cat([stream.pictures for stream in streams])
        self.classes = torch.from_numpy(np.concatenate([_shown(stream) for stream in streams]))
        self.scenes = [state_of(classes_of(row)) for row in self.classes.numpy()]
        fallen = np.array([scene.fallen for scene in self.scenes])
        self._fallen, self._well = np.flatnonzero(fallen), np.flatnonzero(~fallen)

    def _read(self, number: int, stream: Stream) -> None:
        asked, talking = stream.labels[:, 0].numpy(), stream.labels[:, 1].numpy() > 0
        says = np.array([bool(text) for text in stream.texts])
        busy = says | talking | (asked > 0)
        quiet = ~busy & ~np.roll(busy, 1)
        quiet[:_FIRST_UNITS] = False
        self.quiet.append(np.flatnonzero(quiet).tolist())
        for last in np.flatnonzero(asked):
            begin = last
            while last - begin < _LONGEST_REQUEST - 1 and talking[begin - 1]:
                begin -= 1
            before = slice(max(0, begin - _BEFORE), last)
            if begin > _FIRST_UNITS and not (says | (asked > 0))[before].any():
                name = INTENT_NAMES[asked[last] - 1]
                self.requests[name].append((number, int(begin) - 1, int(last)))

    def picture(self, rng: np.random.Generator) -> int:
        """Return a random picture."""
        falls = len(self._fallen) and rng.random() < _FALLS
        return int(rng.choice(self._fallen if falls else self._well))


def _shown(stream: Stream) -> np.ndarray:
    """Return the classes of every picture of a stream, int64 [n, 10]."""
    shown = np.zeros((len(stream.pictures), len(ATTRIBUTES)), dtype=np.int64)
    shown[stream.picture.numpy()] = stream.labels[:, -len(ATTRIBUTES) :].numpy()
    return shown


class Recall:
    """Draws sequences that need what was said before."""

    def __init__(self, bank: RowBank, writer: SequenceWriter) -> None:
        self._bank, self._writer = bank, writer
        self._calm = [number for number, quiet in enumerate(bank.quiet) if quiet]

    def draw(self, rng: np.random.Generator) -> Sequence:
        """Return one sequence of a few units behind a random past."""
        stream = self.stream(rng)
        units = len(stream.texts)
        return self._writer.write(stream, 0, units, rng, sighted=True, known_past=True)

    def stream(self, rng: np.random.Generator) -> Stream:
        """Return the stream of one sequence."""
        bank, number, request = self._bank, int(rng.choice(self._calm)), range(0)
        if rng.random() < _ASKED_SHARE:
            known = bank.requests.get(draw_request(rng, _REMIND_SHARE))
            if known:
                number, first, last = known[int(rng.integers(len(known)))]
                request = range(first, last + 1)
        quiet = bank.quiet[number] or [0]
        lead = int(rng.integers(3))
        rest = _ANSWER_UNITS if request else int(rng.integers(2, _QUIET_UNITS + 1))
        units = [int(rng.choice(quiet)) for _ in range(lead + len(request) + rest)]
        units[lead : lead + len(request)] = request
        complete = lead + len(request) - 1 if request else -1
        picture = self._pictures(rng, len(units))
        memory, previous = past(rng, [bank.scenes[index] for index in set(picture.tolist())])
        labels = bank.streams[number].labels

        def heard(index: int, since: object) -> Hearing:
            asked, talking = labels[units[index], :2].tolist()
            names = (INTENT_NAMES[asked - 1],) if index == complete else ()
            return Hearing(names, bool(talking))

        shown = [bank.scenes[index] for index in picture]
        script = Script(act(memory, shown, heard), previous=previous)
        count = len(script.units)
        rows = bank.streams[number].audio[units[:count]]
        pictures = bank.pictures[torch.from_numpy(picture[:count])]
        return Stream.of_script(script, rows, pictures, torch.arange(count))

    def _pictures(self, rng: np.random.Generator, units: int) -> np.ndarray:
        picture = np.full(units, self._bank.picture(rng))
        if rng.random() < _CHANGES:
            picture[int(rng.integers(1, units)) :] = self._bank.picture(rng)
        return picture
