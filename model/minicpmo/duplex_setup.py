# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Make the parts of a duplex session from its options."""

from __future__ import annotations

from typing import Optional

from minicpmo.context_window import ContextWindow, WindowMode
from minicpmo.duplex_input import DuplexPrompt
from minicpmo.duplex_options import DuplexOptions
from minicpmo.language_stream import LanguageStream
from minicpmo.sampling import Draws, SeededDraws, TokenChooser, candidate_count
from minicpmo.special_token import SpecialTokens
from minicpmo.tokenizer import TextTokenizer


def new_chooser(
    stream: LanguageStream,
    tokens: SpecialTokens,
    tokenizer: TextTokenizer,
    options: DuplexOptions,
    draws: Optional[Draws],
) -> TokenChooser:
    """Return the token choice of a session; ``draws`` replaces the seeded generator."""
    device, size = stream.cache.keys.device, stream.model.config.vocab_size
    if draws is None:
        candidates = candidate_count(size, options.sampling)
        draws = SeededDraws(options.seed, size, candidates, device)
    return TokenChooser(
        tokens,
        size,
        tokenizer.bad_ids,
        options.sampling,
        draws,
        device,
    )


def new_window(
    tokens: SpecialTokens,
    tokenizer: TextTokenizer,
    prompt: DuplexPrompt,
    options: DuplexOptions,
) -> ContextWindow:
    """Return the bookkeeping of what a session forgets."""
    carries = options.window.mode is WindowMode.CONTEXT
    dropped = tokens.all_ids | tokenizer.special_ids
    return ContextWindow(
        options.window,
        prompt.prefix_rows,
        len(prompt.suffix_ids),
        tuple(tokenizer.encode(options.window.marker)) if carries else (),
        lambda token: token not in dropped,
    )
