# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pool of spoken sentences on disk: written once, picked from many times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
import json
import os
from pathlib import Path

import numpy as np

from training.nano.paraphrase import paraphrase
from training.nano.progress import Progress
from training.nano.voice import SAMPLE_RATE, Reading, Voice, read_many
from training.nano.word_corpus import in_carrier

KINDS = ('request', 'backchannel', 'unaddressed')
_BATCH = 128  # festival reads its voices anew for every batch
_SAVE_BATCHES = 5
_MADE = ('samples', 'phones')  # of an entry: what speaking gave


@dataclass(frozen=True)
class Utterance:
    """One spoken sentence of the pool.

    text: what it is picked by; spoken: the words really said (the text, maybe in a carrier
    phrase); seconds: length without silence before and after.
    phones: name and end [s] of every sound, see ``voice.Reading``.
    """

    index: int
    kind: str
    text: str
    spoken: str
    voice: str
    seconds: float
    phones: tuple[tuple[str, float], ...] = ()


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
            phones = tuple((name, end) for name, end in entry['phones'])
            self.utterances.append(
                Utterance(
                    index, entry['kind'], entry['text'], entry['spoken'], voice, seconds, phones
                )
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
    paraphrases: share of the readings that say something else with the same ``intent``.
    """

    kind: str
    text: str
    voices: int
    carriers: float = 0.0
    paraphrases: float = 0.0
    intent: str = ''


def write_pool(
    folder: Path,
    sentences: list[Sentence],
    seed: int,
    draw: Callable[[np.random.Generator], Voice],
    forbidden: frozenset[str] = frozenset(),
) -> None:
    """Speak all sentences and write index.json and samples.i16.

    A pool that is already there with the same sentences and seed is kept; one that was begun is
    continued. The sentences come in random order, so a begun pool can be used like a smaller one.

    Args:
        folder: where the pool is written.
        sentences: what is said how often.
        seed: of the choice of voices.
        draw: returns a random voice.
        forbidden: ``word_corpus.plain`` sentences that no reading may say.
    """
    jobs = _draw_jobs(sentences, seed, draw, forbidden)
    folder.mkdir(parents=True, exist_ok=True)
    index_path, samples_path = folder / 'index.json', folder / 'samples.i16'
    entries = _begun(index_path, jobs)
    if len(entries) >= len(jobs):
        return
    progress = Progress(f'utterances in {folder.name}', len(jobs))
    batches = [jobs[start : start + _BATCH] for start in range(len(entries), len(jobs), _BATCH)]
    workers = os.cpu_count() or 1  # they wait for the synthesizers' own processes
    samples_path.touch()
    os.truncate(samples_path, 2 * sum(entry['samples'] for entry in entries))
    with samples_path.open('ab') as file, ThreadPoolExecutor(workers) as executor:
        for number, (batch, readings) in enumerate(
            zip(batches, executor.map(_speak, batches), strict=True), start=1
        ):
            for job, reading in zip(batch, readings, strict=True):
                file.write(reading.sound.tobytes())
                entries.append(
                    {**asdict(job), 'samples': len(reading.sound), 'phones': reading.phones}
                )
            if number % _SAVE_BATCHES == 0 or number == len(batches):
                file.flush()
                new = index_path.with_suffix('.new')
                new.write_text(json.dumps(entries))
                new.replace(index_path)
            progress.update(len(entries))


@dataclass(frozen=True)
class _Job:
    kind: str
    text: str
    spoken: str
    voice: Voice


def _speak(jobs: list[_Job]) -> list[Reading]:
    return read_many([(job.voice, job.spoken) for job in jobs])


def _draw_jobs(
    sentences: list[Sentence],
    seed: int,
    draw: Callable[[np.random.Generator], Voice],
    forbidden: frozenset[str],
) -> list[_Job]:
    rng = np.random.default_rng(seed)
    jobs = []
    for sentence in sentences:
        for _ in range(sentence.voices):
            voice = draw(rng)
            jobs.append(_Job(sentence.kind, sentence.text, _say(rng, sentence, forbidden), voice))
    return [jobs[index] for index in rng.permutation(len(jobs))]


def _say(rng: np.random.Generator, sentence: Sentence, forbidden: frozenset[str]) -> str:
    """Return the words of one reading."""
    draw = rng.random()
    if draw < sentence.paraphrases:
        return paraphrase(rng, sentence.intent, forbidden) or sentence.text
    if draw < sentence.paraphrases + sentence.carriers:
        return in_carrier(rng, sentence.text, forbidden)
    return sentence.text


def _begun(index_path: Path, jobs: list[_Job]) -> list[dict]:
    """Return the entries of a pool that was begun with the same jobs, else none."""
    entries = json.loads(index_path.read_text()) if index_path.exists() else []
    spoken = [{k: v for k, v in entry.items() if k not in _MADE} for entry in entries]
    return entries if spoken == [asdict(job) for job in jobs[: len(spoken)]] else []
