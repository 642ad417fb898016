# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything a duplex session can be told when it is prepared."""

from __future__ import annotations

from dataclasses import dataclass, field

from minicpmo.context_window import WindowMode, WindowOptions
from minicpmo.errors import ConfigurationError
from minicpmo.sampling import SamplingOptions
from minicpmo.unit_decoder import DecodingOptions

UNIT_RESERVE = 1024
"""Rows kept free behind a basic window: one unit with ten picture pieces and its answer."""


@dataclass(frozen=True)
class DuplexOptions:
    """How one duplex session behaves.

    force_listen_count: the first units of a conversation only listen.
    text_only: decide and write, but make no speech.
    context_tokens: size of the key/value cache; a basic window sets its own.
    seed: of the session's own random generator.
    """

    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    decoding: DecodingOptions = field(default_factory=DecodingOptions)
    window: WindowOptions = field(default_factory=WindowOptions)
    force_listen_count: int = 0
    text_only: bool = False
    context_tokens: int = 8192
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ConfigurationError for values without a meaning."""
        if self.force_listen_count < 0:
            raise ConfigurationError(
                f'force_listen_count is {self.force_listen_count}; use 0 or more'
            )
        if self.context_tokens < 1:
            raise ConfigurationError(f'context_tokens is {self.context_tokens}; use 1 or more')

    @property
    def cache_rows(self) -> int:
        """Return the size of the key/value cache in tokens."""
        if self.window.mode is WindowMode.BASIC:
            return self.window.high + UNIT_RESERVE
        return self.context_tokens
