# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sound, pictures and the sequences about them, to train all parts of the model together.

The rows of a sequence are not known before the encoders have run, so a sequence of a sample tells
which rows it wants. Workers make samples; nothing is made twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from minicpmo.mel import FIRST_STEP_PADDING, SAMPLE_RATE
from minicpmo.tokenizer import PretrainedTokenizer
from training.nano.asking import SCENES, Asking
from training.nano.asking import UNITS as ASKED_UNITS
from training.nano.audio_window import FRAMES, SoundBank
from training.nano.audio_window import UNITS as WINDOW_SECONDS
from training.nano.language_data import Sequence, SequenceWriter, draw_cut
from training.nano.layout import TRAINING_SEEDS, random_layout
from training.nano.phone import PHONES
from training.nano.picture_question import PictureBank, PictureQuestions
from training.nano.renderer import attributes
from training.nano.request import Part
from training.nano.scene import SceneState
from training.nano.script import write_script
from training.nano.script_audio import ScriptAudio
from training.nano.size import NANO
from training.nano.stream import AUDIO_ROWS, Stream, draw_pictures
from training.nano.timeline import NEAR_SPEECH, Script
from training.nano.utterance import UtterancePool
from training.nano.varied_pool import VariedPool
from training.nano.vision_training import PICTURE_SIZES, any_scene, draw_picture

CONVERSATION_UNITS = 120
_SIZE_SHARES = (0.8, 0.12, 0.08)  # of the picture sizes
_CUTS, _CUT_TRIES = 8, 14  # of a conversation
_QUESTION_SEQUENCES, _QUESTION_PICTURES = 6, 4
_LONGEST_PAST = 400
_FOREGROUND = (*NEAR_SPEECH, 'backchannel')
_PHONE = {name: index for index, name in enumerate(PHONES)}
_QUERIES = NANO.query_num
_WINDOW_ROWS = WINDOW_SECONDS * AUDIO_ROWS
_DELAY = FIRST_STEP_PADDING / SAMPLE_RATE  # of a stream's frames [s]


@dataclass
class Sample:
    """What one worker made at one time.

    audio: int16 [units * 16000]; phones: uint8 [units * 50], the sound said in each encoder frame.
    pictures: uint8 [n, height, width, 3]; classes: int64 [n, 10] of each, see
    ``renderer.ATTRIBUTES``. size: index into ``PICTURE_SIZES``.
    cuts: sequences of a conversation; short: those of few units. Both are the arrays of
    ``language_data.Sequence``, but for 'embeddings': 'wanted' tells what belongs in each row, out
    of the windows of sound and the pictures whose numbers are in 'windows' and 'pictures'.
    """

    audio: np.ndarray
    phones: np.ndarray
    pictures: np.ndarray
    classes: np.ndarray
    size: int
    cuts: list[dict[str, np.ndarray]]
    short: list[dict[str, np.ndarray]]


def audio_code(units: int) -> torch.Tensor:
    """Return int64 [units, 10, 1], the code of every row of a sample's sound: 0, 1, 2, ..."""
    return torch.arange(units * AUDIO_ROWS).view(units, AUDIO_ROWS, 1)


def picture_code(pictures: int) -> torch.Tensor:
    """Return int64 [pictures, queries, 1], the code of every row of the pictures: -1, -2, ..."""
    return -1 - torch.arange(pictures * _QUERIES).view(pictures, _QUERIES, 1)


class SampleWriter:
    """Makes samples of both kinds."""

    def __init__(self, pool: UtterancePool, bank: SoundBank, vocabulary: Path, part: Part) -> None:
        self._pool, self._part = VariedPool(pool), part
        self.sound = ScriptAudio(self._pool, bank)
        self._writer = SequenceWriter(PretrainedTokenizer(vocabulary))
        self._asking = Asking(self._pool, part)

    def conversation(self, rng: np.random.Generator, units: int = CONVERSATION_UNITS) -> Sample:
        """Return cuts of a conversation and, in between, questions about other pictures."""
        past = int(rng.integers(0, _LONGEST_PAST)) if rng.random() < 0.5 else 0
        script = write_script(rng, self._pool, self._part, past + units).cut(past)
        size = _draw_size(rng)
        images, picture = draw_pictures(rng, script, PICTURE_SIZES[size])
        scenes = [any_scene(rng) for _ in range(_QUESTION_PICTURES)]
        pictures = [*images, *(_draw(rng, scene, size) for scene in scenes)]
        shown = np.zeros((len(images), len(attributes(scenes[0]))), dtype=np.int64)
        shown[picture] = [list(attributes(unit.state).values()) for unit in script.units]
        classes = np.concatenate([shown, _classes(scenes)])
        stream = _coded(script, picture)
        drawn = (draw_cut(rng, stream, self._writer) for _ in range(_CUT_TRIES))
        cuts = [_plain(cut) for cut in drawn if cut is not None][:_CUTS]
        codes = picture_code(len(pictures))[-_QUESTION_PICTURES:]
        questions = PictureQuestions(
            PictureBank(codes, torch.from_numpy(classes[-_QUESTION_PICTURES:])), self._writer
        )
        short = []
        for _ in range(_QUESTION_SEQUENCES):
            heard = int(rng.integers(units - 1))
            sounds = stream.audio[heard : heard + 2]
            short.append(_plain(questions.draw(rng, sounds)))
        return self._sample(rng, script, pictures, classes, size, cuts, short)

    def asking(self, rng: np.random.Generator) -> Sample:
        """Return one request with several pictures and pasts, and the answer to each."""
        size = _draw_size(rng)
        scenes = [self._asking.scene(rng) for _ in range(SCENES)]
        pictures = [_draw(rng, scene, size) for scene in scenes]
        first, sounds = self._asking.sounds(rng)
        short = []
        for script, picture in self._asking.scripts(rng, scenes, first, sounds):
            stream = _coded(script, picture, first)
            units = len(script.units)
            short.append(
                _plain(self._writer.write(stream, 0, units, rng, sighted=True, known_past=True))
            )
        whole = Script(units=[None] * ASKED_UNITS, sounds=sounds)
        return self._sample(rng, whole, pictures, _classes(scenes), size, [], short)

    def _sample(
        self,
        rng: np.random.Generator,
        script: Script,
        pictures: list[np.ndarray],
        classes: np.ndarray,
        size: int,
        cuts: list[dict[str, np.ndarray]],
        short: list[dict[str, np.ndarray]],
    ) -> Sample:
        audio = np.round(self.sound.render(rng, script) * 32767).astype(np.int16)
        return Sample(audio, self._phones(script), np.stack(pictures), classes, size, cuts, short)

    def _phones(self, script: Script) -> np.ndarray:
        """Return what people near the microphone say in every frame of the encoder."""
        frames = np.zeros(len(script.units) * FRAMES, dtype=np.uint8)
        for event in script.sounds:
            if event.kind in _FOREGROUND:
                start = begin = event.start + _DELAY
                for name, end in self._pool.phones(event.utterance):
                    times = (begin, start + end)
                    first, last = (max(0, round(time * FRAMES)) for time in times)
                    frames[first:last] = _PHONE[name]
                    begin = start + end
        return frames


class SampleStream(torch.utils.data.IterableDataset):
    """Endless samples; every worker of a loader makes others."""

    def __init__(
        self,
        pool: Path,
        vocabulary: Path,
        seed: int,
        noise_seconds: float,
        units: int = CONVERSATION_UNITS,
        conversations: float = 0.15,
    ) -> None:
        self._pool, self._vocabulary, self._seed = pool, vocabulary, seed
        self._noise_seconds, self._units = noise_seconds, units
        self._conversations = conversations

    def writer(self, seed: int) -> SampleWriter:
        """Return what makes the samples of one worker."""
        bank = SoundBank(seed, self._noise_seconds)
        return SampleWriter(UtterancePool(self._pool), bank, self._vocabulary, Part.TRAINING)

    def __iter__(self) -> Iterator[Sample]:
        """Yield samples for ever."""
        torch.set_num_threads(1)
        info = torch.utils.data.get_worker_info()
        number = 0 if info is None else info.id
        writer = self.writer(self._seed + number)
        rng = np.random.default_rng((self._seed, number))
        while True:
            if rng.random() < self._conversations:
                yield writer.conversation(rng, self._units)
            else:
                yield writer.asking(rng)


def _draw_size(rng: np.random.Generator) -> int:
    return int(rng.choice(len(PICTURE_SIZES), p=_SIZE_SHARES))


def _draw(rng: np.random.Generator, scene: SceneState, size: int) -> np.ndarray:
    layout = random_layout(int(rng.integers(*TRAINING_SEEDS)))
    return draw_picture(rng, layout, scene, PICTURE_SIZES[size])


def _classes(scenes: list[SceneState]) -> np.ndarray:
    return np.array([list(attributes(scene).values()) for scene in scenes])


def _coded(script: Script, picture: np.ndarray, first: int = 0) -> Stream:
    """Return the stream of a script with codes for rows; its sound begins at unit ``first``."""
    audio = audio_code(first + len(script.units))[first:]
    pictures = picture_code(int(picture.max()) + 1)
    return Stream.of_script(script, audio, pictures, torch.from_numpy(picture))


def _plain(sequence: Sequence) -> dict[str, np.ndarray]:
    """Return a sequence as arrays, which travel between processes without file handles."""
    flat = replace(sequence, embeddings=sequence.embeddings[:, 0])
    return _prepared({name: value.numpy() for name, value in vars(flat).items()})


def _prepared(sequence: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a sequence with the windows and pictures it needs.

    wanted: for every row its place in those windows (0, 1, ..) or those pictures (-1, -2, ..).
    """
    codes = sequence['embeddings']
    heard = codes >= 0
    windows, window_of = np.unique(codes[heard] // _WINDOW_ROWS, return_inverse=True)
    shown = -1 - codes[~heard]
    pictures, picture_of = np.unique(shown // _QUERIES, return_inverse=True)
    wanted = np.empty_like(codes)
    wanted[heard] = window_of * _WINDOW_ROWS + codes[heard] % _WINDOW_ROWS
    wanted[~heard] = -1 - (picture_of * _QUERIES + shown % _QUERIES)
    kept = {key: value for key, value in sequence.items() if key != 'embeddings'}
    return {**kept, 'wanted': wanted, 'windows': windows, 'pictures': pictures}
