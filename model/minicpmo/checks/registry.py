# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The stage checks in the order in which they are run."""

from __future__ import annotations

from importlib import import_module

from minicpmo.checks.stage import Stage

STAGE_MODULES = (
    'manifest_check',
    'tokenizer_check',
    'image_check',
    'vision_check',
    'mel_check',
    'audio_check',
    'language_check',
    'decode_check',
    'speech_decoder_check',
    'prompt_feature_check',
    'token2wav_check',
    'duplex_check',
)


def all_stages() -> list[Stage]:
    """Return every :class:`Stage` defined in the listed modules of ``minicpmo.checks``."""
    stages: list[Stage] = []
    for name in STAGE_MODULES:
        module = import_module(f'minicpmo.checks.{name}')
        stages += [value for value in vars(module).values() if isinstance(value, Stage)]
    return stages
