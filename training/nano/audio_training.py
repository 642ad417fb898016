# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 2: the audio encoder learns to hear before the language model sees it.

The synthesizers tell when they speak which sound, so every frame of the encoder has its phone as
a label; rows learn the word that is being said and, averaged over a sentence, what it asks for.
"""

from __future__ import annotations

import json
from pathlib import Path
import sys
from typing import Optional

import torch
from torch import Tensor, nn
import torch.nn.functional as F

from minicpmo.audio_encoder import AudioEncoder, AudioProjector
from training.nano.audio_window import MEANINGS, WindowDataset, collate
from training.nano.mel_batch import draw_filters, log_mel, with_floor
from training.nano.phone import PHONES
from training.nano.plain_attention import use_plain_attention
from training.nano.precision import mixed_precision
from training.nano.size import NANO
from training.nano.trainer import Schedule, Trainer
from training.nano.warm_start import begin_with
from training.nano.word_corpus import plain


class AudioTrainee(nn.Module):
    """Encoder and projector as they ship, plus heads that are thrown away afterwards."""

    def __init__(self, words: int) -> None:
        super().__init__()
        size, hidden = NANO.audio.d_model, NANO.llm.hidden_size
        self.apm = AudioEncoder(NANO.audio)
        self.audio_projection_layer = AudioProjector(NANO)
        self.phone_head = nn.Linear(size, len(PHONES))
        self.aligned_head = nn.Linear(hidden, words + 1)
        self.active_head = nn.Linear(hidden, 1)
        self.meaning_head = nn.Linear(hidden, MEANINGS)
        use_plain_attention(self)

    def rows(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Return encoder frames [batch, frames, size] and rows [batch, frames / 5, hidden]."""
        units = [mel[..., start : start + 104] for start in range(0, mel.shape[-1] - 4, 100)]
        frames = self.apm.stream(units)
        return frames, self.audio_projection_layer(frames)


def draw_floor(log: Tensor) -> Tensor:
    """Return a random floor per window: fixed as in the first units, or below an older peak."""
    peak = log.amax(dim=(1, 2), keepdim=True)
    older = peak + 1.5 * torch.rand_like(peak) * (torch.rand_like(peak) < 0.5)
    fixed = torch.full_like(peak, -10.0)
    return torch.where(torch.rand_like(peak) < 0.15, fixed, older - 8)


def losses(model: AudioTrainee, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the losses of one batch, and the accuracy of whole utterances."""
    log = log_mel(batch['audio'], draw_filters(len(batch['audio'])))
    mel = with_floor(log, draw_floor(log))
    mel = _mask_features(mel)
    with mixed_precision(mel.device.type):
        frames, rows = model.rows(mel)
        phones, active = model.phone_head(frames), model.active_head(rows)[..., 0]
        aligned = model.aligned_head(rows)
        meanings = model.meaning_head(rows)
    meaning_loss, meaning_right = _meaning(meanings.float(), batch['meanings'])
    phones, labels = phones.float().flatten(0, 1), batch['phones'].flatten()
    spoken = labels > 0
    return {
        'phone': F.cross_entropy(phones, labels),
        'phone_accuracy': (phones.argmax(-1) == labels)[spoken].float().mean(),
        'meaning': meaning_loss,
        'meaning_accuracy': meaning_right,
        'aligned': F.cross_entropy(aligned.float().flatten(0, 1), batch['aligned'].flatten()),
        'active': F.binary_cross_entropy_with_logits(active.float(), batch['active'].float()),
    }


def _meaning(logits: Tensor, meanings: Tensor) -> tuple[Tensor, Tensor]:
    """Return loss and accuracy of whole utterances, from the mean of their logits.

    meanings: int64 [n, 4]: window, first and last tenth of a second, class.
    """
    if not len(meanings):
        return logits.sum() * 0, torch.tensor(float('nan'))
    window, first, last, target = meanings.unbind(1)
    sums = F.pad(logits.cumsum(1), (0, 0, 1, 0))
    mean = (sums[window, last] - sums[window, first]) / (last - first)[:, None]
    return F.cross_entropy(mean, target), (mean.argmax(-1) == target).float().mean()


def _mask_features(mel: Tensor) -> Tensor:
    """Hide two random bands and a few short spans (SpecAugment)."""
    mel = mel.clone()
    batch, bands, frames = mel.shape
    band = torch.arange(bands)[None, :, None]
    hidden = torch.zeros(batch, bands, 1, dtype=torch.bool)
    for _ in range(2):
        width = torch.randint(0, 12, (batch, 1, 1))
        low = (torch.rand(batch, 1, 1) * (bands - width)).long()
        hidden = hidden | ((band >= low) & (band < low + width))
    for _ in range(4):
        length = torch.randint(0, 14, (batch, 1, 1))
        start = torch.randint(0, frames - 14, (batch, 1, 1))
        frame = torch.arange(frames)[None, None, :]
        hidden = hidden | ((frame >= start) & (frame < start + length))
    return torch.where(hidden.to(mel.device), mel.mean(dim=(1, 2), keepdim=True), mel)


def pool_vocabulary(folder: Path) -> dict[str, int]:
    """Return the classes of all words of a pool, sorted; class 0 is silence or another word."""
    entries = json.loads((folder / 'index.json').read_text())
    words = {word for entry in entries for word in plain(entry['spoken']).split()}
    return {word: index + 1 for index, word in enumerate(sorted(words))}


def weighted(model: AudioTrainee, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what is minimised, and its parts."""
    parts = losses(model, batch)
    total = 2 * parts['phone'] + 0.5 * parts['aligned'] + 2 * parts['meaning']
    return total + 0.3 * parts['active'], parts


def train(
    folder: Path,
    run: Path,
    schedule: Schedule,
    noise_seconds: float = 120,
    start: Optional[Path] = None,
) -> dict[str, float]:
    """Train on the pool in ``folder``; continues from ``run/audio.pt`` if it is there.

    start: folder of a finished model to begin with; the sounds are then disturbed from the first
    step on.
    """
    torch.manual_seed(schedule.seed)
    run.mkdir(parents=True, exist_ok=True)
    vocabulary_path = run / 'vocabulary.json'
    if not vocabulary_path.exists():
        vocabulary_path.write_text(json.dumps(pool_vocabulary(folder)))
    vocabulary = json.loads(vocabulary_path.read_text())
    model = AudioTrainee(len(vocabulary))
    if start is not None:
        begin_with(model, start)
    trainer = Trainer('audio', model, run, schedule)
    size, first = schedule.batch_size, trainer.first
    ramp = (-1, 0)
    if start is None:
        ramp = tuple((round(part * schedule.steps) - first) * size for part in (0.3, 0.6))
    data = torch.utils.data.DataLoader(
        WindowDataset(folder, vocabulary, schedule.seed + first, ramp, noise_seconds),
        size,
        num_workers=1,
        collate_fn=collate,
        prefetch_factor=3,
    )
    return trainer.fit(data, weighted)


if __name__ == '__main__':
    torch.set_num_threads(1)
    here = Path(__file__).parent
    plan = Schedule(int(sys.argv[1]), int(sys.argv[2]), 1.2e-3, 1, 200, 0.01)
    train(here / 'cache/utterance/training', here / 'runs', plan)
