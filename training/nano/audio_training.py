# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 2: the audio encoder learns to recognize words before the language model sees it."""

from __future__ import annotations

import json
import math
from pathlib import Path
import sys
import time

import torch
from torch import Tensor, nn
import torch.nn.functional as F

from training.nano.audio_tower import AudioTower
from training.nano.audio_window import LETTERS, WindowDataset, collate
from training.nano.mel_batch import log_mel, with_floor
from training.nano.progress import Progress
from training.nano.size import NANO
from training.nano.word_corpus import plain


class AudioTrainee(nn.Module):
    """Encoder and projector as they ship, plus heads that are thrown away afterwards."""

    def __init__(self, words: int) -> None:
        super().__init__()
        size, hidden = NANO.audio.d_model, NANO.llm.hidden_size
        self.apm = AudioTower(NANO.audio)
        self.audio_projection_layer = nn.ModuleDict(
            {'linear1': nn.Linear(size, hidden), 'linear2': nn.Linear(hidden, hidden)}
        )
        self.letter_head = nn.Linear(size, len(LETTERS) + 1)
        self.word_head = nn.Linear(hidden, words + 1)
        self.aligned_head = nn.Linear(hidden, words + 1)
        self.active_head = nn.Linear(hidden, 1)

    def rows(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Return encoder frames [batch, frames, size] and rows [batch, frames / 5, hidden]."""
        frames = self.apm(mel)
        layers = self.audio_projection_layer
        x = layers['linear2'](F.relu(layers['linear1'](frames)))
        return frames, F.avg_pool1d(x.transpose(1, 2), 5).transpose(1, 2)


def draw_floor(log: Tensor) -> Tensor:
    """Return a random floor per window: fixed as in the first units, or below an older peak."""
    peak = log.amax(dim=(1, 2), keepdim=True)
    older = peak + 1.5 * torch.rand_like(peak) * (torch.rand_like(peak) < 0.5)
    fixed = torch.full_like(peak, -10.0)
    return torch.where(torch.rand_like(peak) < 0.15, fixed, older - 8)


def losses(model: AudioTrainee, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    log = log_mel(batch['audio'])
    mel = with_floor(log, draw_floor(log))
    mel = _mask_features(mel)
    with torch.autocast(mel.device.type, torch.bfloat16):
        frames, rows = model.rows(mel)
        letters, words = model.letter_head(frames), model.word_head(rows)
        active = model.active_head(rows)[..., 0]
        aligned = model.aligned_head(rows)
    return {
        'letters': _ctc(letters, batch['letters'], batch['letter_lengths']),
        'words': _ctc(words, batch['words'], batch['word_lengths']),
        'aligned': F.cross_entropy(aligned.float().flatten(0, 1), batch['aligned'].flatten()),
        'active': F.binary_cross_entropy_with_logits(active.float(), batch['active'].float()),
    }


def _mask_features(mel: Tensor) -> Tensor:
    """Hide a random band and a few short spans (SpecAugment)."""
    mel = mel.clone()
    batch, bands, frames = mel.shape
    width = torch.randint(0, 12, (batch, 1, 1))
    low = (torch.rand(batch, 1, 1) * (bands - width)).long()
    band = torch.arange(bands)[None, :, None]
    hidden = (band >= low) & (band < low + width)
    for _ in range(2):
        length = torch.randint(0, 14, (batch, 1, 1))
        start = torch.randint(0, frames - 14, (batch, 1, 1))
        frame = torch.arange(frames)[None, None, :]
        hidden = hidden | ((frame >= start) & (frame < start + length))
    return torch.where(hidden.to(mel.device), mel.mean(dim=(1, 2), keepdim=True), mel)


def _ctc(logits: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    log_probabilities = logits.float().log_softmax(-1).transpose(0, 1)
    steps = torch.full((logits.shape[0],), logits.shape[1])
    loss = F.ctc_loss(
        log_probabilities, targets, steps, lengths, reduction='none', zero_infinity=True
    )
    return (loss / lengths.clamp_min(4)).mean()


def rate(step: int, steps: int, peak: float, warmup: int = 200) -> float:
    """Return the learning rate of a step: linear warm-up, then cosine to 2 % of the peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    part = (step - warmup) / max(1, steps - warmup)
    return peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, part))))


def pool_vocabulary(folder: Path) -> dict[str, int]:
    """Return the CTC classes of all words of a pool, sorted; class 0 is the blank."""
    entries = json.loads((folder / 'index.json').read_text())
    words = {word for entry in entries for word in plain(entry['spoken']).split()}
    return {word: index + 1 for index, word in enumerate(sorted(words))}


def train(folder: Path, run: Path, steps: int, batch_size: int, seed: int) -> None:
    """Train for ``steps``; continues from ``run/audio.pt`` if it is there."""
    torch.manual_seed(seed)
    run.mkdir(parents=True, exist_ok=True)
    vocabulary_path = run / 'vocabulary.json'
    if not vocabulary_path.exists():
        vocabulary_path.write_text(json.dumps(pool_vocabulary(folder)))
    vocabulary = json.loads(vocabulary_path.read_text())
    model = AudioTrainee(len(vocabulary))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01
    )
    first = 0
    checkpoint = run / 'audio.pt'
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state['model'])
        optimizer.load_state_dict(state['optimizer'])
        first = state['step']
    ramp = tuple((round(part * steps) - first) * batch_size for part in (0.1, 0.35))
    data = torch.utils.data.DataLoader(
        WindowDataset(folder, vocabulary, seed + first, *ramp),
        batch_size,
        num_workers=1,
        collate_fn=collate,
        prefetch_factor=3,
    )
    progress = Progress('audio encoder', steps)
    averages: dict[str, float] = {}
    log = (run / 'audio.log').open('a')
    start = time.time()
    for step, batch in zip(range(first, steps), data):
        for group in optimizer.param_groups:
            group['lr'] = rate(step, steps, 1.2e-3)
        parts = losses(model, batch)
        total = (
            0.5 * parts['letters']
            + 0.5 * parts['words']
            + parts['aligned']
            + 0.3 * parts['active']
        )
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        for name, value in parts.items():
            averages[name] = 0.98 * averages.get(name, value.item()) + 0.02 * value.item()
        note = ', '.join(f'{name} {value:.3f}' for name, value in averages.items())
        progress.update(step + 1, note)
        if (step + 1) % 50 == 0:
            print(
                json.dumps({'step': step + 1, 'time': time.time() - start, **averages}),
                file=log,
                flush=True,
            )
        if (step + 1) % 250 == 0 or step + 1 == steps:
            state = {
                'model': model.state_dict(),
                'optimizer': optimizer.state_dict(),
                'step': step + 1,
            }
            torch.save(state, checkpoint.with_suffix('.new'))
            checkpoint.with_suffix('.new').replace(checkpoint)


if __name__ == '__main__':
    torch.set_num_threads(1)
    train(
        Path('training/nano/cache/utterance/training'),
        Path('training/nano/runs'),
        int(sys.argv[1]),
        int(sys.argv[2]),
        1,
    )
