# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import numpy as np

from training.nano import utterance
from training.nano.utterance import Sentence, UtterancePool, write_pool
from training.nano.voice import Voice

SENTENCES = [Sentence('request', text, 2) for text in ('Hello.', 'Stop.', 'Come here.')]


def _voice(rng: np.random.Generator) -> Voice:
    return Voice('espeak', 'en', 1.0, int(rng.integers(30, 70)))


def _bytes(folder: Path) -> tuple[bytes, str]:
    return (folder / 'samples.i16').read_bytes(), (folder / 'index.json').read_text()


def test_a_begun_pool_is_continued_and_ends_like_one_made_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(utterance, '_BATCH', 2)
    write_pool(tmp_path / 'once', SENTENCES, 1, _voice)
    write_pool(tmp_path / 'begun', SENTENCES, 1, _voice)
    index = tmp_path / 'begun' / 'index.json'
    # An interruption left more sound than the index knows.
    index.write_text(json.dumps(json.loads(index.read_text())[:3]))
    assert len(UtterancePool(tmp_path / 'begun').utterances) == 3
    write_pool(tmp_path / 'begun', SENTENCES, 1, _voice)
    assert _bytes(tmp_path / 'begun') == _bytes(tmp_path / 'once')
    assert len(UtterancePool(tmp_path / 'once').utterances) == 6


def test_a_finished_pool_is_kept_and_another_seed_makes_it_anew(tmp_path):
    write_pool(tmp_path, SENTENCES, 1, _voice)
    before = (tmp_path / 'samples.i16').stat().st_mtime_ns
    write_pool(tmp_path, SENTENCES, 1, _voice)
    assert (tmp_path / 'samples.i16').stat().st_mtime_ns == before
    write_pool(tmp_path, SENTENCES, 2, _voice)
    assert (tmp_path / 'samples.i16').stat().st_mtime_ns != before
    assert len(UtterancePool(tmp_path).utterances) == 6
