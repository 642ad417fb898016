# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Keeps the newest samples on the training device and lays out batches of their sequences.

Sound and pictures lie in rings of fixed size on the device; what is said about them stays on the
host. A batch tells which windows of sound and which pictures have to be encoded and which of the
rows belong where.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
import torch.nn.functional as F

from minicpmo.mel import DYNAMIC_RANGE, LOG_ZERO
from training.nano.audio_window import FRAMES, SAMPLES
from training.nano.audio_window import UNITS as WINDOW_SECONDS
from training.nano.joint_sample import Sample
from training.nano.mel_batch import log_mel
from training.nano.sequence_batch import lay_out
from training.nano.size import NANO
from training.nano.stream import AUDIO_ROWS
from training.nano.vision_training import PICTURE_SIZES
from training.nano.voice import SAMPLE_RATE

_BEFORE = 1080  # samples of silence that the first window of a stream begins with
_WINDOW_ROWS = WINDOW_SECONDS * AUDIO_ROWS
_QUERIES = NANO.query_num
_REMEMBERED = 25  # units whose peak keeps the floor of the spectrum up
_FIXED_UNITS = 4  # at the begin of a stream, with a fixed floor
_ALIVE = 0.85  # of a ring: the oldest sequences are not used, they are about to be replaced
_MULTIPLE = 64  # lengths of batches, so that few sizes of memory are asked for


class SoundRing:
    """The sound of the newest ``capacity`` samples of one length.

    audio: int16 [capacity, samples], silence in front; phones: uint8 [capacity, units * 50].
    peaks: float32 [capacity, units], the loudest cell of the spectrum that sets each unit's floor.
    entries: size and place of the pictures of a sample, and its sequences by kind.
    """

    def __init__(self, capacity: int, units: int, device: torch.device) -> None:
        windows = -(-units // WINDOW_SECONDS)
        samples = windows * WINDOW_SECONDS * SAMPLE_RATE
        self.audio = torch.zeros(
            capacity, samples + SAMPLES - WINDOW_SECONDS * SAMPLE_RATE,
            dtype=torch.int16, device=device,
        )  # fmt: skip
        self.phones = torch.zeros(
            capacity, windows * WINDOW_SECONDS * FRAMES, dtype=torch.uint8, device=device
        )
        self.peaks = torch.full((capacity, windows * WINDOW_SECONDS), LOG_ZERO, device=device)
        self.entries: list[dict | None] = [None] * capacity
        self.count = 0

    def add(self, sample: Sample, base: int) -> None:
        """Take a sample in; ``base``: place of its first picture in the ring of pictures."""
        slot = self.count % len(self.entries)
        device = self.audio.device
        row = self.audio[slot]
        row.zero_()
        sound = to_device(sample.audio, device)
        row[_BEFORE : _BEFORE + len(sound)] = sound[: len(row) - _BEFORE]
        self.phones[slot, : len(sample.phones)] = to_device(sample.phones, device)
        units = len(sample.audio) // SAMPLE_RATE
        loudest = log_mel(sound.view(units, SAMPLE_RATE).float() / 32768).amax(dim=(1, 2))
        padded = F.pad(loudest[None, None], (_REMEMBERED - 1, 0), value=LOG_ZERO)
        self.peaks[slot, :units] = F.max_pool1d(padded, _REMEMBERED, 1)[0, 0]
        self.entries[slot] = {
            'size': sample.size,
            'base': base,
            'cuts': sample.cuts,
            'short': sample.short,
        }
        self.count += 1

    def has(self, kind: str) -> bool:
        """Return whether there is a sequence of a kind, 'cuts' or 'short'."""
        return any(entry and entry[kind] for entry in self.entries)

    def draw(self, rng: np.random.Generator, kind: str) -> tuple[int, dict, dict]:
        """Return the slot, its entry and one of its sequences."""
        capacity = len(self.entries)
        alive = min(self.count, max(1, int(_ALIVE * capacity)))
        while True:
            slot = (self.count - 1 - int(rng.integers(alive))) % capacity
            entry = self.entries[slot]
            if entry and entry[kind]:
                return slot, entry, entry[kind][int(rng.integers(len(entry[kind])))]

    def windows(self, slots: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return sound float32 [n, samples], phones int64 [n, 250] and floors [n, 5]."""
        step = WINDOW_SECONDS * SAMPLE_RATE
        audio = self.audio.unfold(1, SAMPLES, step)[slots, numbers].float() / 32768
        phones = self.phones.unflatten(1, (-1, WINDOW_SECONDS * FRAMES))[slots, numbers].long()
        floors = self.peaks.unflatten(1, (-1, WINDOW_SECONDS))[slots, numbers] - DYNAMIC_RANGE
        units = numbers[:, None] * WINDOW_SECONDS + torch.arange(
            WINDOW_SECONDS, device=floors.device
        )
        return audio, phones, torch.where(units < _FIXED_UNITS, LOG_ZERO, floors)


class PictureRing:
    """The newest pictures of one size, uint8 [capacity, height, width, 3]."""

    def __init__(self, capacity: int, size: tuple[int, int], device: torch.device) -> None:
        shape = (capacity, size[1], size[0], 3)
        self.pictures = torch.zeros(shape, dtype=torch.uint8, device=device)
        self.classes = np.zeros((capacity, 0), dtype=np.int64)
        self.count = 0

    def add(self, pictures: np.ndarray, classes: np.ndarray) -> int:
        """Take pictures in; return the number of the first one since the beginning."""
        capacity, base = len(self.pictures), self.count
        if not self.classes.shape[1]:
            self.classes = np.zeros((capacity, classes.shape[1]), dtype=np.int64)
        places = np.arange(base, base + len(pictures)) % capacity
        device = self.pictures.device
        self.pictures.index_copy_(0, to_device(places, device), to_device(pictures, device))
        self.classes[places] = classes
        self.count += len(pictures)
        return base

    def has(self, base: int) -> bool:
        """Return whether the picture with this number is still there."""
        return base >= self.count - _ALIVE * len(self.pictures)


@dataclass(frozen=True)
class StoreSize:
    """How many samples, pictures of the usual and of other sizes are kept."""

    conversations: int = 1200
    askings: int = 6000
    pictures: int = 50000
    other_pictures: int = 14000


class SampleStore:
    """All rings; ``add`` takes samples in, ``batch`` lays a batch out."""

    def __init__(
        self, size: StoreSize, units: int, asked_units: int, device: torch.device
    ) -> None:
        self._long_samples = units * SAMPLE_RATE
        self.long = SoundRing(size.conversations, units, device)
        self.brief = SoundRing(size.askings, asked_units, device)
        counts = (size.pictures, size.other_pictures, size.other_pictures)
        self.pictures = [
            PictureRing(count, shape, device)
            for count, shape in zip(counts, PICTURE_SIZES, strict=True)
        ]
        self._device = device

    def add(self, sample: Sample) -> None:
        """Take a sample in, in place of the oldest one of its kind."""
        base = self.pictures[sample.size].add(sample.pictures, sample.classes)
        (self.long if len(sample.audio) == self._long_samples else self.brief).add(sample, base)

    @property
    def ready(self) -> bool:
        """Return whether there is something of every kind to make a batch of."""
        return self.long.has('cuts') and self.long.has('short') and self.brief.has('short')

    def batch(
        self, rng: np.random.Generator, cuts: int, asked: int, questions: int
    ) -> dict[str, Tensor]:
        """Return a batch on the device: ``cuts`` of conversations, ``asked`` and ``questions``.

        'long.*' and 'short.*' are as ``lay_out`` says, and 'take': which rows go where rows go.
        'conversation.slots', '.windows' and 'asking.slots', '.windows': int64 [n], which windows
        of sound; 'picture.N': int64 [n], places in the ring of pictures of size N, and
        'classes.N': int64 [n, 10].
        """
        drawn = [self._draw(rng, self.long, 'cuts') for _ in range(cuts)]
        brief = [self._draw(rng, self.long, 'short') for _ in range(questions)]
        asks = [self._draw(rng, self.brief, 'short') for _ in range(asked)]
        arrays, takes = self._sources([*drawn, *brief], asks)
        groups = {
            'long': ([sequence for _, _, sequence in drawn], takes[:cuts]),
            'short': ([sequence for _, _, sequence in (*brief, *asks)], takes[cuts:]),
        }
        for name, (sequences, chosen) in groups.items():
            if sequences:
                laid = lay_out(sequences, _MULTIPLE)
                laid['take'] = np.concatenate(chosen)
                arrays.update({f'{name}.{key}': value for key, value in laid.items()})
        return {key: to_device(value, self._device) for key, value in arrays.items()}

    def _draw(self, rng: np.random.Generator, ring: SoundRing, kind: str) -> tuple:
        while True:
            slot, entry, sequence = ring.draw(rng, kind)
            if self.pictures[entry['size']].has(entry['base']):
                return slot, entry, sequence

    def _sources(self, conversations: list[tuple], askings: list[tuple]) -> tuple[dict, list]:
        """Return what has to be encoded and, for every sequence, which rows it takes.

        Rows are numbered: sound of conversations, of askings, pictures of size 0, 1, 2.
        """
        windows: list[list[tuple[int, int]]] = [[], []]
        places: list[list[int]] = [[] for _ in self.pictures]
        for which, group in enumerate((conversations, askings)):
            for slot, _, sequence in group:
                windows[which] += [(slot, number) for number in sequence['windows']]
        sound_rows = (len(windows[0]) + len(windows[1])) * _WINDOW_ROWS
        for _, entry, sequence in (*conversations, *askings):
            ring = self.pictures[entry['size']]
            places[entry['size']] += [
                (entry['base'] + number) % len(ring.pictures) for number in sequence['pictures']
            ]
        starts = sound_rows + _QUERIES * np.cumsum([0, *map(len, places)])
        takes, sound, seen = [], 0, [int(start) for start in starts]
        for _, entry, sequence in (*conversations, *askings):
            size = entry['size']
            wanted = sequence['wanted']
            take = np.where(wanted >= 0, wanted + sound, -1 - wanted + seen[size])
            takes.append(take)
            sound += len(sequence['windows']) * _WINDOW_ROWS
            seen[size] += len(sequence['pictures']) * _QUERIES
        result: dict[str, np.ndarray] = {}
        for name, chosen in zip(('conversation', 'asking'), windows, strict=True):
            table = np.array(chosen, dtype=np.int64).reshape(-1, 2)
            result[f'{name}.slots'], result[f'{name}.windows'] = table[:, 0], table[:, 1]
        for size, (ring, chosen) in enumerate(zip(self.pictures, places, strict=True)):
            index = np.array(chosen, dtype=np.int64)
            result[f'picture.{size}'] = index
            result[f'classes.{size}'] = ring.classes[index] if len(index) else index
        return result, takes


def to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """Return the array there; on a GPU the copy does not wait for work that is queued."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type != 'cuda':
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
