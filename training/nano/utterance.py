# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pool of spoken sentences on disk: written once, picked from many times."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
import json
from pathlib import Path

import numpy as np

from training.nano.progress import Progress
from training.nano.voice import SAMPLE_RATE, Voice, draw_voice, synthesize_many
from training.nano.word_corpus import in_carrier

KINDS = ('request', 'backchannel', 'unaddressed')
_BATCH = 64


@dataclass(frozen=True)
class Utterance:
    """One spoken sentence of the pool.

    text: what it is picked by; spoken: the words really said (the text, maybe in a carrier
    phrase); seconds: length without silence before and after.
    """

    index: int
    kind: str
    text: str
    spoken: str
    voice: str
    seconds: float


class UtterancePool:
    """Read-only access to a pool written by ``write_pool``."""

    def __init__(self, folder: Path) -> None:
        entries = json.loads((folder / 'index.json').read_text())
        self._samples = np.memmap(folder / 'samples.i16', dtype=np.int16, mode='r')
        self._starts = np.cumsum([0, *(entry['samples'] for entry in entries)])
        self._by_text: dict[str, list[int]] = defaultdict(list)
        self._texts: dict[str, list[str]] = {kind: [] for kind in KINDS}
        self.utterances: list[Utterance] = []
        for index, entry in enumerate(entries):
            seconds = entry['samples'] / SAMPLE_RATE
            voice = '/'.join(str(value) for value in entry['voice'].values())
            if entry['text'] not in self._by_text:
                self._texts[entry['kind']].append(entry['text'])
            self._by_text[entry['text']].append(index)
            self.utterances.append(
                Utterance(index, entry['kind'], entry['text'], entry['spoken'], voice, seconds)
            )

    def texts(self, kind: str) -> list[str]:
        """Return the distinct sentences of one of ``KINDS`` in the order they were written."""
        return self._texts[kind]

    def pick(self, rng: np.random.Generator, text: str) -> Utterance:
        """Return one reading of the sentence by a random voice of this pool.

        Raises:
            KeyError: nobody in the pool says this sentence.
        """
        choices = self._by_text.get(text)
        if not choices:
            raise KeyError(f'no utterance of {text!r} in the pool; write the pool again')
        return self.utterances[int(rng.choice(choices))]

    def audio(self, index: int) -> np.ndarray:
        """Return int16 [n] at 16 kHz with the level ``voice.NORMAL_RMS``."""
        return np.asarray(self._samples[self._starts[index] : self._starts[index + 1]])


@dataclass(frozen=True)
class Sentence:
    """A sentence to be spoken by ``voices`` random voices.

    carriers: share of the readings that put a word like "Robot" before or after it.
    """

    kind: str
    text: str
    voices: int
    carriers: float = 0.0


def write_pool(
    folder: Path,
    sentences: list[Sentence],
    seed: int,
    held_out: bool,
    forbidden: frozenset[str] = frozenset(),
) -> None:
    """Speak all sentences and write index.json and samples.i16.

    A pool that is already there with the same sentences and seed is kept.

    Args:
        folder: where the pool is written.
        sentences: what is said how often.
        seed: of the choice of voices.
        held_out: use the voices that training never hears.
        forbidden: ``word_corpus.plain`` sentences that a carrier phrase must not produce.
    """
    jobs = _draw_jobs(sentences, seed, held_out, forbidden)
    index_path = folder / 'index.json'
    if index_path.exists() and _is_same(json.loads(index_path.read_text()), jobs):
        return
    folder.mkdir(parents=True, exist_ok=True)
    progress = Progress(f'utterances in {folder.name}', len(jobs))
    entries = []
    with (folder / 'samples.i16').open('wb') as file:
        for start in range(0, len(jobs), _BATCH):
            batch = jobs[start : start + _BATCH]
            sounds = synthesize_many([(job.voice, job.spoken) for job in batch])
            for job, sound in zip(batch, sounds, strict=True):
                file.write(sound.tobytes())
                entries.append({**asdict(job), 'samples': len(sound)})
            progress.update(len(entries))
    index_path.write_text(json.dumps(entries))


@dataclass(frozen=True)
class _Job:
    kind: str
    text: str
    spoken: str
    voice: Voice


def _draw_jobs(
    sentences: list[Sentence], seed: int, held_out: bool, forbidden: frozenset[str]
) -> list[_Job]:
    rng = np.random.default_rng(seed)
    jobs = []
    for sentence in sentences:
        for _ in range(sentence.voices):
            voice, spoken = draw_voice(rng, held_out), sentence.text
            if rng.random() < sentence.carriers:
                spoken = in_carrier(rng, sentence.text, forbidden)
            jobs.append(_Job(sentence.kind, sentence.text, spoken, voice))
    return [jobs[index] for index in rng.permutation(len(jobs))]


def _is_same(entries: list[dict], jobs: list[_Job]) -> bool:
    return [{k: v for k, v in entry.items() if k != 'samples'} for entry in entries] == [
        asdict(job) for job in jobs
    ]
