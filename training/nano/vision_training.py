# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 3: the vision tower and resampler learn to see what is true in a room."""

from __future__ import annotations

import json
from pathlib import Path
import sys
import time

import numpy as np
import torch
from torch import Tensor, nn
import torch.nn.functional as F

from training.nano.audio_training import rate
from training.nano.layout import random_layout
from training.nano.progress import Progress
from training.nano.renderer import ATTRIBUTES, attributes, render
from training.nano.scene import COLOURS, POT_STATES, ROOMS, SHAPES, SceneState
from training.nano.size import NANO
from training.nano.vision_tower import Resampler, VisionTower

PICTURE_SIZES = ((252, 196), (294, 168), (224, 224))  # 4:3, 16:9, 1:1 after the image processor
TRAINING_LAYOUTS = (0, 1_000_000)  # layout seeds; evaluation takes others


class VisionTrainee(nn.Module):
    """Tower and resampler as they ship, plus heads that are thrown away afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.vpm = VisionTower(NANO.vision, NANO.vision_layers)
        self.resampler = Resampler(NANO)
        width = NANO.query_num * NANO.llm.hidden_size
        self.heads = nn.ModuleDict({name: nn.Linear(width, n) for name, n in ATTRIBUTES.items()})

    def rows(self, images: Tensor) -> Tensor:
        """Return [batch, queries, hidden] for uint8 pictures [batch, height, width, 3]."""
        x = (images.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
        patch = NANO.vision.patch_size
        return self.resampler(self.vpm(x), x.shape[2] // patch, x.shape[3] // patch)


def any_scene(rng: np.random.Generator) -> SceneState:
    """Return a scene in which every attribute takes every value often."""
    people = tuple(
        str(rng.choice(('standing', 'lying'), p=(0.65, 0.35)))
        for _ in range(int(rng.choice(3, p=(0.3, 0.4, 0.3))))
    )
    objects = {shape: str(rng.choice(COLOURS)) if rng.random() < 0.7 else None for shape in SHAPES}
    return SceneState(
        room=str(rng.choice(ROOMS)),
        pot=str(rng.choice(POT_STATES, p=(0.16, 0.28, 0.28, 0.28))),
        door=str(rng.choice(('open', 'closed'))),
        people=people,
        parcel=bool(rng.random() < 0.5),
        lamp=bool(rng.random() < 0.5),
        **objects,
    )


class PictureDataset(torch.utils.data.IterableDataset):
    """Endless batches of pictures of one size."""

    def __init__(self, batch_size: int, seed: int) -> None:
        self._batch_size, self._seed = batch_size, seed

    def __iter__(self):
        """Yield (uint8 [batch, height, width, 3], {attribute: int64 [batch]})."""
        rng = np.random.default_rng(self._seed)
        while True:
            size = PICTURE_SIZES[int(rng.choice(3, p=(0.8, 0.12, 0.08)))]
            scenes = [any_scene(rng) for _ in range(self._batch_size)]
            images = [
                render(random_layout(int(rng.integers(*TRAINING_LAYOUTS))), scene, rng, size)
                for scene in scenes
            ]
            classes = [attributes(scene) for scene in scenes]
            targets = {n: torch.tensor([c[n] for c in classes]) for n in ATTRIBUTES}
            yield torch.from_numpy(np.stack(images)), targets


def train(run: Path, steps: int, batch_size: int, seed: int) -> None:
    """Train for ``steps``; continues from ``run/vision.pt`` if it is there."""
    torch.manual_seed(seed)
    run.mkdir(parents=True, exist_ok=True)
    model = VisionTrainee()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.02
    )
    checkpoint, first = run / 'vision.pt', 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state['model'])
        optimizer.load_state_dict(state['optimizer'])
        first = state['step']
    data = torch.utils.data.DataLoader(
        PictureDataset(batch_size, seed + first), None, num_workers=1, prefetch_factor=2
    )
    progress = Progress('vision tower', steps)
    averages: dict[str, float] = {}
    log = (run / 'vision.log').open('a')
    start = time.time()
    for step, (images, targets) in zip(range(first, steps), data):
        for group in optimizer.param_groups:
            group['lr'] = rate(step, steps, 1e-3)
        with torch.autocast('cpu', torch.bfloat16):
            rows = model.rows(images).flatten(1)
            logits = {name: head(rows).float() for name, head in model.heads.items()}
        parts = {name: F.cross_entropy(logits[name], targets[name]) for name in ATTRIBUTES}
        optimizer.zero_grad(set_to_none=True)
        sum(parts.values()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        for name in ATTRIBUTES:
            right = (logits[name].argmax(-1) == targets[name]).float().mean().item()
            averages[name] = 0.97 * averages.get(name, right) + 0.03 * right
        progress.update(step + 1, ' '.join(f'{n} {v:.3f}' for n, v in averages.items()))
        if (step + 1) % 50 == 0:
            print(
                json.dumps({'step': step + 1, 'time': time.time() - start, **averages}),
                file=log,
                flush=True,
            )
        if (step + 1) % 200 == 0 or step + 1 == steps:
            state = {
                'model': model.state_dict(),
                'optimizer': optimizer.state_dict(),
                'step': step + 1,
            }
            torch.save(state, checkpoint.with_suffix('.new'))
            checkpoint.with_suffix('.new').replace(checkpoint)


if __name__ == '__main__':
    torch.set_num_threads(1)
    train(Path('training/nano/runs'), int(sys.argv[1]), int(sys.argv[2]), 2)
