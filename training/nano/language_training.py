# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stage 5: the language model learns when to speak and what to say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
import itertools
from pathlib import Path
import sys

import numpy as np
import torch
from torch import Tensor, nn
import torch.nn.functional as F

from minicpmo.llm import LanguageModel
from minicpmo.tokenizer import PretrainedTokenizer
from training.nano.language_data import IGNORED, SequenceWriter, StreamFolder, collate
from training.nano.picture_question import PictureBank, PictureQuestions
from training.nano.plain_attention import use_plain_attention
from training.nano.precision import mixed_precision
from training.nano.question import CONDITIONS
from training.nano.renderer import ATTRIBUTES
from training.nano.script import INTENT_NAMES
from training.nano.size import NANO
from training.nano.trainer import Schedule, Trainer

FLAGS = 2  # labels of a unit: request, two flags, then the classes of ATTRIBUTES
_ROW_NOISE = 0.15  # re the size of an encoder row
_SHORT = 3  # short conversations for one cut
PICTURES = 'pictures/rows.pt'
MODEL_FOLDER = Path(__file__).parents[2] / 'model' / 'nano'


class LanguageTrainee(nn.Module):
    """Language model as it ships, plus heads that are thrown away afterwards.

    middle: what each layer gave in the last forward pass, float [batch, rows, hidden] each.
    row_noise: added to encoder rows in training, relative to their size.

    What the picture shows must be known at the end of a unit's input after half of the layers, so
    that the next one can read it from there; what a question asks and what it is about after all
    layers but one, for the last one can only compare what is already in one place.
    """

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.row_noise = _ROW_NOISE
        self.llm = LanguageModel(replace(NANO.llm, vocab_size=vocabulary))
        hidden = NANO.llm.hidden_size
        self.request_head = nn.Linear(hidden, len(INTENT_NAMES) + 1)
        self.flag_head = nn.Linear(hidden, FLAGS)
        self.middle_norm = nn.LayerNorm(hidden)
        self.condition_head = nn.Linear(hidden, len(CONDITIONS))
        self.shown_heads = nn.ModuleDict(
            {name: nn.Linear(hidden, classes) for name, classes in ATTRIBUTES.items()}
        )
        self.scene_heads = nn.ModuleDict(
            {name: nn.Linear(hidden, classes) for name, classes in ATTRIBUTES.items()}
        )
        self.scene_norm = nn.LayerNorm(hidden)
        self.middle: list[Tensor] = []
        self.llm.register_forward_pre_hook(self._forget_middle)
        for layer in self.llm.model.layers:
            layer.register_forward_hook(self._keep_middle)
        use_plain_attention(self)
        for name, parameter in self.llm.named_parameters():
            if parameter.dim() == 2:
                scale = 0.02 if 'o_proj' not in name and 'down_proj' not in name else 0.007
                nn.init.normal_(parameter, std=scale)
        nn.init.normal_(self.llm.model.embed_tokens.weight, std=0.3)

    def _forget_middle(self, llm: nn.Module, inputs: tuple) -> None:
        self.middle.clear()

    def _keep_middle(self, layer: nn.Module, inputs: tuple, output: Tensor) -> None:
        self.middle.append(output)

    def seen(self, batch: dict[str, Tensor]) -> Tensor:
        """Return [units, hidden], states of half of the layers at the end of each unit's input."""
        half = self.middle[len(self.middle) // 2 - 1]
        return self.scene_norm(half.flatten(0, 1)[batch['ends']])

    def asked(self, batch: dict[str, Tensor]) -> Tensor:
        """Return [questions, hidden], states before the last layer at the begin of answers."""
        return self.middle_norm(self.middle[-2].flatten(0, 1)[batch['asked'].flatten()])

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return hidden states and the states at the last input row of every unit."""
        embeddings = self.llm.embed(batch['ids'])
        shape = embeddings.shape
        rows = batch['embeddings'].to(embeddings)
        if self.training:  # the same few thousand rows come again and again
            size = rows.square().mean(-1, keepdim=True).sqrt()
            rows = rows + self.row_noise * size * torch.randn_like(rows)
        embeddings = embeddings.flatten(0, 1).index_copy(0, batch['rows'], rows)
        hidden = self.llm(embeddings.view(shape)).flatten(0, 1)
        return hidden, hidden[batch['ends']]


def losses(model: LanguageTrainee, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the loss of the decided tokens, of the auxiliary heads and some shares."""
    device = batch['ids'].device.type
    targets = batch['targets'].flatten()
    decided = (targets != IGNORED).nonzero()[:, 0]
    with mixed_precision(device):
        hidden, ends = model(batch)
        logits = model.llm.logits(hidden[decided])
        request, flags = model.request_head(ends), model.flag_head(ends)
        places = model.seen(batch)
        seen = [head(places).float() for head in model.scene_heads.values()]
        asked = model.asked(batch)
        condition = model.condition_head(asked).float()
        shown = [head(asked).float() for head in model.shown_heads.values()]
    labels = batch['labels']
    right, weights = targets[decided], batch['weights'].flatten()[decided]
    flag_labels, scene = labels[:, 1 : 1 + FLAGS], labels[:, 1 + FLAGS :]
    return {
        'token': _weighted_mean(F.cross_entropy(logits.float(), right, reduction='none'), weights),
        'request': F.cross_entropy(request.float(), labels[:, 0]),
        'flag': F.binary_cross_entropy_with_logits(flags.float(), flag_labels.float()),
        'scene': mean_entropy(seen, scene),
        'question': question_loss(condition, shown, batch['questions']),
        'scene_accuracy': _mean(
            [(x.argmax(-1) == y).float().mean() for x, y in zip(seen, scene.T, strict=True)]
        ),
        'accuracy': (logits.argmax(-1) == right).float().mean(),
        'question_accuracy': _share(logits.argmax(-1) == right, batch['asked'].flatten()[decided]),
        'request_accuracy': _share(request.argmax(-1) == labels[:, 0], labels[:, 0] > 0),
    }


def question_loss(condition: Tensor, shown: list[Tensor], facts: Tensor) -> Tensor:
    """Return how badly an answer's place knows what is asked and what the picture shows.

    Yes and no are equally frequent for every question, so before both are known there is nothing
    to learn from the answers alone.
    """
    if not len(facts):
        return condition.sum()
    return F.cross_entropy(condition, facts[:, 0]) + mean_entropy(shown, facts[:, 1:])


def mean_entropy(logits: list[Tensor], classes: Tensor) -> Tensor:
    """Return the mean over heads of how wrong they are; classes: int64 [n, heads]."""
    return _mean([F.cross_entropy(x, y) for x, y in zip(logits, classes.T, strict=True)])


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum()


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean()


def _share(right: Tensor, chosen: Tensor) -> Tensor:
    """Return the share of right ones among the chosen, NaN without any."""
    return right[chosen].float().mean() if chosen.any() else torch.tensor(float('nan'))


def weighted(model: LanguageTrainee, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what is minimised, and values to watch."""
    parts = losses(model, batch)
    helpers = 0.5 * parts['request'] + 0.2 * parts['flag'] + 0.5 * parts['scene']
    return parts['token'] + helpers + 0.5 * parts['question'], parts


def real_batches(
    folder: StreamFolder,
    writer: SequenceWriter,
    batch_size: int,
    seed: tuple[int, ...],
    questions: PictureQuestions,
    question_share: float = 1 / 3,
) -> Iterator[dict[str, Tensor]]:
    """Yield batches of random cuts for ever; streams written meanwhile are taken in.

    Every ``1 / question_share``-th batch holds short conversations with questions instead, three
    times as many because they are short.
    """
    rng = np.random.default_rng(seed)
    for count in itertools.count():
        if count % 20 == 0:
            folder.refresh()
        if rng.random() < question_share:
            sounds = folder.streams[int(rng.integers(len(folder.streams)))].audio
            drawn = [questions.draw(rng, sounds) for _ in range(_SHORT * batch_size)]
        else:
            drawn = [folder.draw(rng, writer) for _ in range(batch_size)]
        yield collate(drawn)


def train(
    streams: Path, run: Path, schedule: Schedule, question_share: float = 1 / 3
) -> dict[str, float]:
    """Train on the streams of real encoder rows.

    Continues from ``run/language.pt`` if it is there, else begins with the weights that
    ``language_pretraining`` left.
    """
    torch.manual_seed(schedule.seed)
    tokenizer = PretrainedTokenizer(MODEL_FOLDER)
    model = LanguageTrainee(tokenizer.vocab_size)
    pretrained = run / 'language_symbolic.pt'
    if pretrained.exists():
        model.load_state_dict(torch.load(pretrained, weights_only=True)['model'])
    trainer = Trainer('language', model, run, schedule)
    folder, writer = StreamFolder(streams), SequenceWriter(tokenizer)
    seed = (schedule.seed, trainer.first)
    questions = PictureQuestions(PictureBank.read(streams / PICTURES), writer)
    return trainer.fit(
        real_batches(folder, writer, schedule.batch_size, seed, questions, question_share),
        weighted,
    )


if __name__ == '__main__':
    torch.set_num_threads(1)
    here = Path(__file__).parent
    plan = Schedule(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), 3, 50)
    train(here / 'cache/stream', here / 'runs', plan)
