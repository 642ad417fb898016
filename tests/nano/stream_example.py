# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A stream in which nothing happens."""

import torch

from training.nano.renderer import ATTRIBUTES
from training.nano.size import NANO
from training.nano.stream import AUDIO_ROWS, Stream


def silent_stream(units: int) -> Stream:
    """Return a stream of random rows in which nobody speaks."""
    hidden = NANO.llm.hidden_size
    return Stream(
        torch.randn(units, AUDIO_ROWS, hidden).half(),
        torch.randn(units, NANO.query_num, hidden).half(),
        torch.arange(units),
        [''] * units,
        [False] * units,
        [False] * units,
        torch.zeros(units, 3 + len(ATTRIBUTES), dtype=torch.int64),
    )
