# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Short conversations that end in yes-or-no questions about a picture.

In long conversations a boiling pot or a fall is rare. Here every picture is of a scene in which
everything is about equally frequent, and a few quiet seconds come before the questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.nano.language_data import Sequence, SequenceWriter
from training.nano.layout import TRAINING_SEEDS, random_layout
from training.nano.precision import mixed_precision
from training.nano.progress import Progress
from training.nano.question import classes_of, draw_question
from training.nano.renderer import attributes
from training.nano.stream import Stream
from training.nano.vision_training import (
    PICTURE_SIZES,
    VisionTrainee,
    any_scene,
    draw_picture,
)

MOST_UNITS = 2
QUESTIONS = 8  # behind one conversation
_BATCH = 32


@torch.inference_mode()
def write_pictures(path: Path, vision: VisionTrainee, count: int, seed: int) -> None:
    """Write rows and classes of random pictures; a file that is there is kept.

    The file holds 'rows' float16 [count, queries, hidden] and 'classes' int64 [count, 10], ordered
    as ``renderer.ATTRIBUTES``.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    vision = vision.eval()
    rng, progress = np.random.default_rng(seed), Progress('pictures', count)
    rows, classes = [], []
    for start in range(0, count, _BATCH):
        scenes = [any_scene(rng) for _ in range(min(_BATCH, count - start))]
        layouts = [random_layout(int(rng.integers(*TRAINING_SEEDS))) for _ in scenes]
        images = [
            draw_picture(rng, layout, scene, PICTURE_SIZES[0])
            for layout, scene in zip(layouts, scenes, strict=True)
        ]
        with mixed_precision('cpu'):
            rows.append(vision.rows(torch.from_numpy(np.stack(images))).half())
        classes += [list(attributes(scene).values()) for scene in scenes]
        progress.update(len(classes))
    torch.save({'rows': torch.cat(rows), 'classes': torch.tensor(classes)}, path)


@dataclass
class PictureBank:
    """Rows and classes of the pictures that ``write_pictures`` left.

    rows: float16 [count, queries, hidden]; classes: int64 [count, 10].
    """

    rows: Tensor
    classes: Tensor

    @classmethod
    def read(cls, path: Path) -> PictureBank:
        """Return what the file at ``path`` holds."""
        return cls(**torch.load(path, weights_only=True))


class PictureQuestions:
    """Draws sequences of one to ``MOST_UNITS`` quiet units with questions behind them."""

    def __init__(self, bank: PictureBank, writer: SequenceWriter) -> None:
        self._rows, self._classes = bank.rows, bank.classes
        self._writer = writer

    def draw(self, rng: np.random.Generator, sounds: Tensor) -> Sequence:
        """Return one sequence; sounds: float16 [n, 10, hidden], rows of seconds to choose from."""
        units = int(rng.integers(1, MOST_UNITS + 1))
        chosen = torch.from_numpy(rng.integers(len(self._rows), size=units))
        heard = torch.from_numpy(rng.integers(len(sounds), size=units))
        labels = torch.zeros(units, 3 + self._classes.shape[1], dtype=torch.int64)
        labels[:, 3:] = self._classes[chosen]
        stream = Stream(
            sounds[heard],
            self._rows[chosen],
            torch.arange(units),
            [''] * units,
            [False] * units,
            [False] * units,
            labels,
        )
        classes = classes_of(self._classes[chosen[-1]].numpy())
        questions = [draw_question(rng, classes) for _ in range(QUESTIONS)]
        return self._writer.write(stream, 0, units, rng, questions, learned=False)
