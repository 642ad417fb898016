# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import torch

from training.nano.audio_training import AudioTrainee
from training.nano.audio_window import meaning_class
from training.nano.evaluate_hearing import evaluate
from training.nano.request import Part, wordings_of
from training.nano.utterance import Sentence, UtterancePool, write_pool
from training.nano.voice import Voice


def test_sentences_are_counted_by_kind_and_judged_by_what_they_ask(tmp_path: Path) -> None:
    intent, wording = wordings_of(Part.DEVELOPMENT)[0]
    sentences = [Sentence('request', wording, 2), Sentence('backchannel', 'Mhm.', 1)]
    write_pool(tmp_path, sentences, 1, lambda rng: Voice('espeak', 'en', 1.0, 50))
    torch.manual_seed(1)
    model = AudioTrainee(5).eval()
    with torch.no_grad():  # a model that always hears this request
        model.meaning_head.bias[meaning_class(intent, 'request')] = 100.0
    counts = evaluate(model, UtterancePool(tmp_path), 10, 0.5)
    assert counts['request'] == (2, 2)
    assert counts['backchannel'] == (0, 1)
    assert 0 <= counts['phone'][0] < counts['phone'][1]
