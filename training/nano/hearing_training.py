# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Last training stage: audio encoder and language model learn together from sound to answer."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from minicpmo.audio_encoder import AudioEncoder, AudioProjector
from minicpmo.tokenizer import PretrainedTokenizer
from training.nano.hearing_data import HearingBatches, Material
from training.nano.language_training import LanguageTrainee, weighted
from training.nano.plain_attention import use_plain_attention
from training.nano.size import NANO
from training.nano.stream import load_encoders
from training.nano.trainer import Schedule, Trainer
from training.nano.warm_start import SHIPPED

NAME = 'hearing'


class HearingTrainee(LanguageTrainee):
    """The language model with the audio encoder in front of it, scaled as they ship."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__(vocabulary)
        self.apm = AudioEncoder(NANO.audio)
        self.audio_projection_layer = AudioProjector(NANO)
        use_plain_attention(self)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return hidden states and the states at the last input row of every unit."""
        embeddings = self.llm.embed(batch['ids'])
        shape = embeddings.shape
        embeddings = embeddings.flatten(0, 1).index_copy(
            0, batch['rows'], batch['embeddings'].to(embeddings)
        )
        if 'heard' in batch:
            units = [batch['first'], *batch['mels'].unbind(1)]
            rows = self.audio_projection_layer(self.apm.stream(units)).flatten(0, 1)
            embeddings = embeddings.index_copy(0, batch['heard'], rows.to(embeddings))
        hidden = self.llm(embeddings.view(shape)).flatten(0, 1)
        return hidden, hidden[batch['ends']]


def begin(run: Path, vocabulary: int) -> HearingTrainee:
    """Return the trainee with what the audio and language stages of a run have learned."""
    model = HearingTrainee(vocabulary)
    audio, _ = load_encoders(run)
    language = torch.load(run / 'language.pt', map_location='cpu', weights_only=True)['model']
    known = model.state_dict().keys()
    heard = {k: v for k, v in audio.state_dict().items() if k.startswith(SHIPPED) and k in known}
    model.load_state_dict({**heard, **language}, strict=True)
    return model


def train(material: Material, run: Path, schedule: Schedule) -> dict[str, float]:
    """Train; continues from ``run/hearing.pt`` if it is there."""
    torch.manual_seed(schedule.seed)
    vocabulary = PretrainedTokenizer(material.vocabulary).vocab_size
    trainer = Trainer(NAME, begin(run, vocabulary), run, schedule)
    batches = HearingBatches(material, schedule.batch_size, (schedule.seed, trainer.first))
    data = torch.utils.data.DataLoader(batches, None, num_workers=1, prefetch_factor=3)
    return trainer.fit(data, weighted)
