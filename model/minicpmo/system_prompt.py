# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The official system messages of turn-based conversations, by purpose and language."""

from __future__ import annotations

from typing import Optional

import numpy as np

from minicpmo.chat_prompt import Message
from minicpmo.errors import ConfigurationError, InputError

REFERENCE = '<reference audio>'
"""Stands for the clip whose voice is imitated."""

SYSTEM_PROMPTS: dict[str, tuple[str, ...]] = {
    'omni/en': (
        'Clone the voice in the provided audio prompt.',
        REFERENCE,
        'As an assistant, you will speak using this voice style.',
    ),
    'omni/zh': (
        '模仿音频样本的音色并生成新的内容。',
        REFERENCE,
        '请用这种声音风格来为用户提供帮助。 请认真、高质量地回复用户的问题。 请'
        '用高自然度的方式和用户聊天。',
    ),
    'audio_assistant/en': (
        'Use the voice in the audio prompt to synthesize new content.',
        REFERENCE,
        'You are a helpful assistant with the above voice style.',
    ),
    'audio_assistant/zh': (
        '模仿音频样本的音色并生成新的内容。',
        REFERENCE,
        '你的任务是用这种声音模式来当一个助手。请认真、高质量地回复用户的问题。请'
        '用高自然度的方式和用户聊天。你是由面壁智能开发的人工智能助手：面壁小钢炮。',
    ),
    'audio_roleplay/en': (
        'Clone the voice in the provided audio prompt.',
        REFERENCE,
        'Try to role-play the character based on the audio prompt above.',
    ),
    'audio_roleplay/zh': (
        '模仿输入音频中的声音特征。',
        REFERENCE,
        '假装你是上述音频中的人物，与我进行对话。',
    ),
    'voice_cloning/en': (
        'Clone the voice in the provided audio prompt.',
        REFERENCE,
    ),
    'voice_cloning/zh': (
        '模仿输入音频中的声音特征。',
        REFERENCE,
    ),
    'default/en': (
        'You are a helpful assistant. You can accept audio and text input and output '
        'voice and text.',
    ),
    'default/zh': (
        'You are a helpful assistant. You can accept audio and text input and output '
        'voice and text.',
    ),
}
"""Key: ``purpose/language``; ``default`` has no reference clip."""


def system_message(purpose: str, language: str, reference: Optional[np.ndarray] = None) -> Message:
    """Return the official system message.

    Args:
        purpose: omni, audio_assistant, audio_roleplay, voice_cloning or default.
        language: en or zh.
        reference: float32 [samples] at 16 kHz, the voice to imitate; not for ``default``.

    Raises:
        ConfigurationError: there is no such message.
        InputError: the reference is missing or cannot be used.
    """
    parts = SYSTEM_PROMPTS.get(f'{purpose}/{language}')
    if parts is None:
        raise ConfigurationError(
            f'no system message {purpose}/{language}; known: {", ".join(SYSTEM_PROMPTS)}'
        )
    if (REFERENCE in parts) != (reference is not None):
        need = 'needs a reference clip' if reference is None else 'takes no reference clip'
        raise InputError(f'the system message {purpose}/{language} {need}')
    content = [part if part is not REFERENCE else reference for part in parts]
    return Message('system', tuple(part for part in content if part is not None))
