# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Speech-token decoder (``tts.*``): condition rows in, logits of speech codes out."""

from __future__ import annotations

from typing import Optional

import torch
from torch import nn
from torch.nn import functional as F

from minicpmo.config import SpeechConfig
from minicpmo.errors import InputError
from minicpmo.host_table import HostTable, look_up
from minicpmo.speech.backbone import Backbone, SpeechCache
from minicpmo.speech.weight_norm import fold_weight_norm, weight_normed

BACKBONE_TABLE_ROWS = 32000
"""Rows of the unused token table ``tts.model.embed_tokens`` in the released checkpoint."""


class Projector(nn.Module):
    """Two linear layers with a relu between them."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width_in, width_out)
        self.linear2 = nn.Linear(width_out, width_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the projected rows."""
        return self.linear2(F.relu(self.linear1(x)))


class SpeechDecoder(nn.Module):
    """Llama over text-and-hidden condition rows and speech codes.

    Parameter names equal the official ones below ``tts.``; call :meth:`prepare` once after
    loading. ``projector_spk`` and the backbone's token table exist only in the checkpoint.
    """

    def __init__(self, config: SpeechConfig, table_rows: int = BACKBONE_TABLE_ROWS) -> None:
        super().__init__()
        self.config = config
        width = config.hidden_size
        self.projector_spk: Optional[Projector] = Projector(config.llm_dim, width)
        self.projector_semantic = Projector(config.llm_dim, width)
        self.emb_text: nn.Embedding | HostTable = nn.Embedding(config.num_text_tokens, width)
        self.emb_code = nn.ModuleList([nn.Embedding(config.num_audio_tokens, width)])
        head = nn.Linear(width, config.num_audio_tokens, bias=False)
        self.head_code = nn.ModuleList([weight_normed(head)])
        self.model = Backbone(config, table_rows)

    def prepare(self) -> SpeechDecoder:
        """Fold the weight norm and free what inference never reads; idempotent."""
        fold_weight_norm(self)
        self.projector_spk = None
        self.model.embed_tokens = None
        return self

    @property
    def device(self) -> torch.device:
        """Return where the weights are."""
        return self.projector_semantic.linear1.weight.device

    def condition(self, token_ids: list[int], hidden: Optional[torch.Tensor]) -> torch.Tensor:
        """Return one row per token: text embedding + projected hidden state, [n, width].

        Args:
            token_ids: text ids as the language model decoded them.
            hidden: [n, llm_dim], the state at each token after feeding it; None when n is 0.

        Raises:
            InputError: the shapes do not fit each other or an id is outside the text table.
        """
        rows = self._text_rows(token_ids)
        if not token_ids:
            return rows
        expected = (len(token_ids), self.config.llm_dim)
        if hidden is None or tuple(hidden.shape) != expected:
            found = None if hidden is None else tuple(hidden.shape)
            raise InputError(f'hidden states of shape {found} given, {expected} needed')
        projected = self.projector_semantic(hidden.to(rows))
        if self.config.normalize_projected_hidden:
            projected = F.normalize(projected, p=2, dim=-1)
        return rows + projected

    def _text_rows(self, token_ids: list[int]) -> torch.Tensor:
        rows = self.emb_text.num_embeddings
        outside = [token for token in token_ids if not 0 <= token < rows]
        if outside:
            raise InputError(f'text id {outside[0]} given, the speech text table has {rows} rows')
        return look_up(self.emb_text, token_ids, self.device)

    def audio_begin_row(self) -> torch.Tensor:
        """Return the row after which codes begin, [1, width]."""
        return self._text_rows([self.config.audio_bos_token_id])

    def text_end_row(self) -> torch.Tensor:
        """Return the row that ends a text in turn-based speech, [1, width]."""
        return self._text_rows([self.config.text_eos_token_id])

    def code_rows(self, codes: list[int]) -> torch.Tensor:
        """Return the embeddings of speech codes, [n, width]."""
        return self.emb_code[0](torch.tensor(codes, dtype=torch.long, device=self.device))

    def new_cache(self) -> SpeechCache:
        """Return an empty cache for as many rows as the decoder has positions."""
        return self.model.new_cache(self.config.max_position_embeddings)

    def feed(self, rows: torch.Tensor, cache: SpeechCache, first: int = 0) -> torch.Tensor:
        """Append rows [n, width] and return the last one's hidden state [width].

        They attend to the cached rows from index ``first`` on and to each other causally.
        """
        return self.model(rows, cache, self.model.plan(cache, rows.shape[0], first))[-1]

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return float32 logits of all codes [codes] for one hidden state [width]."""
        return self.head_code[0](hidden).float()
