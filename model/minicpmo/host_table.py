# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Token tables that stay in the memory of the host; only rows that are looked up reach the device.

A conversation reads a few rows a second of a table that takes a gigabyte. Ids are known to the
host before they are embedded, so a row costs one asynchronous copy and no wait.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from minicpmo.quantization.scheme import LANGUAGE_HEAD, LANGUAGE_TABLE

SPEECH_TEXT_TABLE = 'tts.emb_text.weight'


class HostTable(nn.Module):
    """Replaces ``nn.Embedding``; ``weight`` [rows, width] is page-locked for a CUDA device.

    num_embeddings: rows.
    """

    def __init__(self, rows: int, width: int, device: torch.device) -> None:
        super().__init__()
        self.num_embeddings, self.device = rows, device
        self.weight = nn.Parameter(torch.empty(rows, width, device='meta'), requires_grad=False)

    def lock(self) -> None:
        """Lock the pages of the loaded table, without which copies would wait; idempotent."""
        if self.device.type == 'cuda' and not self.weight.is_pinned():
            self.weight = nn.Parameter(self.weight.pin_memory(), requires_grad=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the rows of token ids of any shape; ids that lie on the device are waited for."""
        rows = nn.functional.embedding(ids.cpu(), self.weight)
        if self.device.type != 'cuda':
            return rows
        return rows.pin_memory().to(self.device, non_blocking=True)

    def copy_row(self, token: int, target: Tensor) -> None:
        """Write one row into ``target`` [width] on the device; waits for nothing."""
        target.copy_(self.weight[token], non_blocking=True)


def look_up(table: nn.Module, ids: Sequence[int], device: torch.device) -> Tensor:
    """Return the rows [len(ids), width] of ids the host knows, on ``device``."""
    place = torch.device('cpu') if isinstance(table, HostTable) else device
    return table(torch.tensor(ids, dtype=torch.int64, device=place))


def host_tables(names: Collection[str]) -> list[str]:
    """Return which tensors of a checkpoint can stay on the host.

    A table that is the vocabulary head as well is multiplied with and cannot.
    """
    wanted = [SPEECH_TEXT_TABLE]
    if LANGUAGE_HEAD in names:
        wanted.append(LANGUAGE_TABLE)
    return [name for name in wanted if name in names]


def move_to_host(model: nn.Module, names: Collection[str], device: torch.device) -> None:
    """Replace the named embeddings of a model that is there by host tables with their weights."""
    weights = {name: model.get_parameter(name).detach().cpu() for name in names}
    install_host_tables(model, names, device)
    for name, weight in weights.items():
        table = model.get_submodule(name.rpartition('.')[0])
        assert isinstance(table, HostTable)
        table.weight = nn.Parameter(weight, requires_grad=False)
        table.lock()


def install_host_tables(model: nn.Module, names: Collection[str], device: torch.device) -> None:
    """Replace the embeddings that own the named weights by empty host tables."""
    for name in names:
        owner = name.rpartition('.')[0]
        parent, _, leaf = owner.rpartition('.')
        rows, width = model.get_parameter(name).shape
        setattr(model.get_submodule(parent), leaf, HostTable(rows, width, device))
