# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How many processor threads a model is worth."""

from __future__ import annotations

from typing import Optional

from minicpmo.config import LanguageConfig

SMALL_LAYERS = 50_000_000
"""Weights in the layers of a language model that one thread reads fast enough.

Measured with nano (10 million): a second thread costs twice the processor time and saves nothing
that is heard (docs/hardware.md).
"""


def recommended_threads(config: LanguageConfig) -> Optional[int]:
    """Return the number of threads on a CPU, None for all that torch takes by itself."""
    return 1 if layer_weights(config) <= SMALL_LAYERS else None


def layer_weights(config: LanguageConfig) -> int:
    """Return how many weights the matrices of all layers have."""
    heads = 2 * config.num_attention_heads + 2 * config.num_key_value_heads
    attention = config.hidden_size * config.head_dim * heads
    return config.num_hidden_layers * (
        attention + 3 * config.hidden_size * config.intermediate_size
    )
