# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np

from benchmarks import random_folder
from benchmarks.latency.model_size import TINY, Size
from minicpmo.engine import Engine
from minicpmo.protocol import Unit
from minicpmo.shard import INDEX_FILE
from minicpmo.speech.synthesizer import ModelSpeech
from minicpmo.tokenizer import PretrainedTokenizer


def test_a_folder_of_random_weights_is_loaded_and_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(random_folder, 'SHARD_BYTES', 1 << 18)
    words = PretrainedTokenizer(random_folder.NANO).vocab_size
    model, speech = TINY.model, TINY.model.speech
    model = replace(
        model,
        llm=replace(model.llm, vocab_size=words),
        speech=replace(speech, num_text_tokens=words),
    )
    random_folder.write_folder(tmp_path, Size(model, TINY.sound))
    assert (tmp_path / INDEX_FILE).is_file()
    assert len(list(tmp_path.glob('model-*.safetensors'))) > 1
    engine = Engine.load(tmp_path, device='cpu', context_tokens=2048)
    session = engine.prepare(context_tokens=2048)
    assert isinstance(session.speech, ModelSpeech)
    picture = np.zeros((32, 32, 3), np.uint8)
    session.step(Unit(0, np.zeros(16000, np.float32), (picture,)))
