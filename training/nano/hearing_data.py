# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Short conversations with real sound, to train hearing and answering together.

Nothing happens in these homes, one request follows the other. The sound is made anew for every
step, so no reading is heard twice in the same room; pictures come as rows of the frozen tower.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from minicpmo.mel import LogMel
from minicpmo.tokenizer import PretrainedTokenizer
from training.nano.audio_window import SoundBank
from training.nano.household import StillHousehold
from training.nano.language_data import SequenceWriter, StreamFolder, collate
from training.nano.picture_question import PictureBank, PictureQuestions
from training.nano.renderer import state_of
from training.nano.request import Part
from training.nano.script import STILL, write_script
from training.nano.script_audio import ScriptAudio
from training.nano.stream import AUDIO_ROWS, Stream
from training.nano.timeline import Script
from training.nano.utterance import UtterancePool

UNITS = 8
_HIDDEN_BANDS, _BAND_WIDTH = 2, 12  # mel bands hidden at random (SpecAugment)
_SPAN_CHANCE, _SPAN_FRAMES = 0.6, 14  # per unit


@dataclass(frozen=True)
class Material:
    """What the conversations are made of.

    pool: folder of the spoken sentences; streams: folder of streams and picture rows.
    vocabulary: folder of the tokenizer; noise_seconds: of every kind of noise.
    hearing, questions: shares of the batches with sound and of those with questions only; the
        others are cuts of the streams.
    """

    pool: Path
    streams: Path
    pictures: Path
    vocabulary: Path
    noise_seconds: float = 60
    hearing: float = 0.55
    questions: float = 0.25


class HearingBatches(torch.utils.data.IterableDataset):
    """Endless batches: conversations with sound, questions about pictures, cuts of streams."""

    def __init__(self, material: Material, batch_size: int, seed: tuple[int, ...]) -> None:
        self._material, self._size, self._seed = material, batch_size, seed

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Yield batches of ``language_data.collate``; those with sound also hold 'mels'."""
        torch.set_num_threads(1)
        material, rng = self._material, np.random.default_rng(self._seed)
        writer = SequenceWriter(PretrainedTokenizer(material.vocabulary))
        bank = PictureBank(material.pictures)
        questions, streams = PictureQuestions(bank, writer), StreamFolder(material.streams)
        streams.refresh()
        seed = int(rng.integers(2**31))
        sound = ScriptAudio(UtterancePool(material.pool), SoundBank(seed, material.noise_seconds))
        conversations = Conversations(sound, bank, writer)
        while True:
            draw = rng.random()
            if draw < material.hearing:
                yield conversations.batch(rng, self._size)
            elif draw < material.hearing + material.questions:
                rows = streams.streams[int(rng.integers(len(streams.streams)))].audio
                yield collate([questions.draw(rng, rows) for _ in range(self._size * 2 // 3)])
            else:
                yield collate([streams.draw(rng, writer) for _ in range(max(1, self._size // 3))])


class Conversations:
    """Draws batches of conversations with sound."""

    def __init__(self, sound: ScriptAudio, bank: PictureBank, writer: SequenceWriter) -> None:
        self._sound, self._bank, self._writer = sound, bank, writer
        self._mel = LogMel()

    def batch(self, rng: np.random.Generator, size: int) -> dict[str, Tensor]:
        """Return a batch with 'first' float32 [size, 80, 102] and 'mels' [size, units-1, 80, 104].

        'heard' int64 [size * units * rows] are the places of the rows of sound.
        """
        sequences, mels = [], []
        for _ in range(size):
            picture, classes = self._bank.draw(rng)
            home = StillHousehold.showing(rng, state_of(classes))
            script = write_script(rng, self._sound.pool, Part.TRAINING, UNITS, STILL, home)
            stream = _stream(script, picture)
            sequences.append(self._writer.write(stream, 0, UNITS, rng, sighted=True))
            mels.append(hide_some(rng, self._mel.stream(self._sound.render(rng, script))))
        batch = collate(sequences)
        batch['first'] = torch.stack([mel[0] for mel in mels])
        batch['mels'] = torch.stack([torch.stack(mel[1:]) for mel in mels])
        batch['heard'] = batch['rows'].view(size * UNITS, -1)[:, -AUDIO_ROWS:].flatten()
        return batch


def _stream(script: Script, picture: Tensor) -> Stream:
    """Return the stream of a script that shows one picture; the rows of sound are still zero."""
    units = script.units
    return Stream(
        torch.zeros(len(units), AUDIO_ROWS, picture.shape[-1], dtype=torch.float16),
        picture[None],
        torch.zeros(len(units), dtype=torch.int64),
        [unit.text for unit in units],
        [unit.end_of_turn for unit in units],
        [unit.yielded for unit in units],
        torch.tensor([list(unit.labels.values()) for unit in units]),
    )


def hide_some(rng: np.random.Generator, mels: list[Tensor]) -> list[Tensor]:
    """Return the units' mel with bands hidden in all of them and short spans in some."""
    level = torch.cat(mels, 1).mean()
    mels = [mel.clone() for mel in mels]
    for _ in range(_HIDDEN_BANDS):
        width = int(rng.integers(_BAND_WIDTH))
        low = int(rng.integers(mels[0].shape[0] - width))
        for mel in mels:
            mel[low : low + width] = level
    for mel in mels:
        if rng.random() < _SPAN_CHANCE:
            first = int(rng.integers(mel.shape[1] - _SPAN_FRAMES))
            mel[:, first : first + int(rng.integers(_SPAN_FRAMES))] = level
    return mels
