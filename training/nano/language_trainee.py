# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The language model in training."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from minicpmo.llm import LanguageModel
from training.nano.plain_attention import use_plain_attention
from training.nano.question import CONDITIONS
from training.nano.renderer import ATTRIBUTES
from training.nano.script import INTENT_NAMES
from training.nano.size import NANO

FLAGS = 2  # labels of a unit: request, two flags, then the classes of ATTRIBUTES
_ROW_NOISE = 0.15  # re the size of an encoder row


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
