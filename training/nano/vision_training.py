# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 3: the vision tower and resampler learn to see what is true in a room."""

from __future__ import annotations

from pathlib import Path
import sys
from typing import Optional

import numpy as np
from PIL import Image
import torch
from torch import Tensor, nn
import torch.nn.functional as F

from minicpmo.image import PatchBatch
from minicpmo.resampler import Resampler
from minicpmo.vision import VisionTower
from training.nano.layout import TRAINING_SEEDS, SceneLayout, random_layout
from training.nano.plain_attention import use_plain_attention
from training.nano.precision import mixed_precision
from training.nano.renderer import ATTRIBUTES, attributes, render
from training.nano.scene import COLOURS, POT_STATES, ROOMS, SHAPES, SceneState
from training.nano.size import NANO
from training.nano.trainer import Schedule, Trainer
from training.nano.warm_start import begin_with

PICTURE_SIZES = ((252, 196), (294, 168), (224, 224))  # 4:3, 16:9, 1:1 after the image processor
_SCALED_SHARE = 0.25
_WEIGHTS = {'people': 2.5}  # counting them is learned last


class VisionTrainee(nn.Module):
    """Tower and resampler as they ship, plus heads that are thrown away afterwards.

    The heads see the mean of the rows only. Heads over all rows side by side let every row tell
    something else in its own way, and a language model needs thousands of steps to collect that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.vpm = VisionTower(NANO)
        self.resampler = Resampler(NANO)
        width = NANO.llm.hidden_size
        self.heads = nn.ModuleDict({name: nn.Linear(width, n) for name, n in ATTRIBUTES.items()})
        self.patch_head = nn.Linear(NANO.vision.hidden_size, len(SHAPES) * len(COLOURS))
        use_plain_attention(self)

    def rows(self, images: Tensor) -> Tensor:
        """Return [batch, queries, hidden] for uint8 pictures [batch, height, width, 3]."""
        return self.rows_and_patches(images)[0]

    def rows_and_patches(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows and the tower's features [batch, patches, size]."""
        batch = equal_patches(images, NANO.slicing.patch_size)
        features = self.vpm(batch)
        return self.resampler(features, batch.sizes), features


def equal_patches(images: Tensor, patch: int) -> PatchBatch:
    """Return the patches of uint8 pictures [batch, height, width, 3] of whole patches."""
    tiles = images.unflatten(2, (-1, patch)).unflatten(1, (-1, patch))
    count, rows, _, columns = tiles.shape[:4]
    strips = tiles.permute(0, 5, 2, 1, 3, 4).flatten(3)
    return PatchBatch(strips, ((rows, columns),) * count)


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


def small_object_loss(logits: Tensor, targets: dict[str, Tensor]) -> Tensor:
    """Return how wrongly the patches tell which shape in which colour is somewhere.

    Small objects cover one or two patches; told only about whole pictures, the tower finds them
    very late. logits: [batch, patches, shapes * colours].
    """
    anywhere = logits.float().amax(1).unflatten(1, (len(SHAPES), len(COLOURS)))
    wanted = torch.stack([F.one_hot(targets[n], len(COLOURS) + 1)[:, 1:] for n in SHAPES], 1)
    return F.binary_cross_entropy_with_logits(anywhere, wanted.float())


def draw_picture(
    rng: np.random.Generator, layout: SceneLayout, scene: SceneState, size: tuple[int, int]
) -> np.ndarray:
    """Return uint8 [height, width, 3] as the image processor leaves a camera's picture.

    Most are drawn at that size at once, which is cheap; some are drawn larger and scaled down.
    """
    if rng.random() > _SCALED_SHARE:
        return render(layout, scene, rng, size)
    large = render(layout, scene, rng, (size[0] * 2, size[1] * 2))
    return np.asarray(Image.fromarray(large).resize(size, Image.Resampling.BICUBIC))


class PictureDataset(torch.utils.data.IterableDataset):
    """Endless batches of pictures of one size."""

    def __init__(self, batch_size: int, seed: int) -> None:
        self._batch_size, self._seed = batch_size, seed

    def __iter__(self):
        """Yield {'images': uint8 [batch, height, width, 3], attribute: int64 [batch]}."""
        rng = np.random.default_rng(self._seed)
        while True:
            size = PICTURE_SIZES[int(rng.choice(3, p=(0.8, 0.12, 0.08)))]
            scenes = [any_scene(rng) for _ in range(self._batch_size)]
            images = [
                draw_picture(rng, random_layout(int(rng.integers(*TRAINING_SEEDS))), scene, size)
                for scene in scenes
            ]
            classes = [attributes(scene) for scene in scenes]
            targets = {n: torch.tensor([c[n] for c in classes]) for n in ATTRIBUTES}
            yield {'images': torch.from_numpy(np.stack(images)), **targets}


def losses(model: VisionTrainee, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what is minimised, and the share of right answers by attribute."""
    with mixed_precision(batch['images'].device.type):
        rows, features = model.rows_and_patches(batch['images'])
        logits = {name: head(rows.mean(1)).float() for name, head in model.heads.items()}
        small = small_object_loss(model.patch_head(features), batch)
    total = 5 * small
    for name in ATTRIBUTES:
        total = total + _WEIGHTS.get(name, 1.0) * F.cross_entropy(logits[name], batch[name])
    right = {name: (logits[name].argmax(-1) == batch[name]).float().mean() for name in ATTRIBUTES}
    return total, {**right, 'small': small.detach()}


def train(run: Path, schedule: Schedule, start: Optional[Path] = None) -> dict[str, float]:
    """Train; continues from ``run/vision.pt`` if it is there.

    start: folder of a finished model to begin with.
    """
    torch.manual_seed(schedule.seed)
    model = VisionTrainee()
    if start is not None:
        begin_with(model, start)
    trainer = Trainer('vision', model, run, schedule)
    dataset = PictureDataset(schedule.batch_size, schedule.seed + trainer.first)
    data = torch.utils.data.DataLoader(dataset, None, num_workers=1, prefetch_factor=2)
    return trainer.fit(data, losses)


if __name__ == '__main__':
    torch.set_num_threads(1)
    plan = Schedule(int(sys.argv[1]), int(sys.argv[2]), 1e-3, 2, 200)
    train(Path(__file__).with_name('runs'), plan)
