# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import torch

from training.nano.audio_window import FRAMES, UNITS, SoundBank, collate, draw_window
from training.nano.mel_batch import draw_filters, log_mel
from training.nano.phone import PHONES
from training.nano.utterance import Sentence, UtterancePool, write_pool
from training.nano.voice import Voice


def _pool(folder: Path) -> UtterancePool:
    sentences = [Sentence('unaddressed', 'A sea, a sea.', 3)]
    write_pool(folder, sentences, 1, lambda rng: Voice('espeak', 'en', 1.0, 50))
    return UtterancePool(folder)


def test_phones_of_a_window_are_written_where_somebody_talks(tmp_path: Path) -> None:
    pool, rng = _pool(tmp_path), np.random.default_rng(4)
    windows = [draw_window(rng, pool, SoundBank(1, 10), 0.5) for _ in range(20)]
    for window in windows:
        assert window.phones.shape == (UNITS * FRAMES,)
        silent = ~np.repeat(window.active, FRAMES // 10)
        assert (window.phones[silent] == 0).mean() > 0.9
        for _, _, first, last in window.utterances:
            said = {PHONES[index] for index in window.phones[first * 5 : last * 5]}
            assert {'s', 'iy'} <= said


def test_a_batch_keeps_which_window_a_sentence_is_in() -> None:
    part = np.zeros(3)
    batch = collate([(part, part, part, part, [(1, 2, 3)]), (part, part, part, part, [])] * 2)
    assert batch['meanings'].tolist() == [[0, 1, 2, 3], [2, 1, 2, 3]]


def test_warped_filters_hear_a_tone_at_another_height() -> None:
    torch.manual_seed(1)
    tone = torch.sin(torch.arange(16000) * 2 * torch.pi * 1500 / 16000)[None].expand(64, -1)
    heights = log_mel(tone, draw_filters(64)).mean(-1).argmax(-1)
    plain = int(log_mel(tone[:1]).mean(-1).argmax(-1))
    assert (heights == plain).float().mean() > 0.4  # half of them are not warped
    assert heights.min() < plain < heights.max()
