# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Prompts of turn-based conversations: messages of text, pictures and sound to rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from minicpmo.audio_input import require_clip
from minicpmo.config import ModelConfig
from minicpmo.errors import InputError
from minicpmo.image import choose_grid, require_image, require_max_slices
from minicpmo.mel import CLIP_SAMPLES, HOP
from minicpmo.special_token import SpecialTokens
from minicpmo.tokenizer import TextTokenizer
from minicpmo.unit_sequence import IdPart

ROLES = ('system', 'user', 'assistant')
MAX_SLICES = 9
NO_THINKING = '<think>\n\n</think>\n\n'

Content = str | np.ndarray


@dataclass(frozen=True)
class Message:
    """One message of a conversation.

    content: text, pictures (uint8 [height, width, 3], RGB) and sound (float32 [samples] at
    16 kHz) in the order in which they are meant.
    """

    role: str
    content: tuple[Content, ...]

    def __post_init__(self) -> None:
        """Raise InputError for an unknown role or something that is no content."""
        if self.role not in ROLES:
            raise InputError(f'role is {self.role!r}; use one of {", ".join(ROLES)}')
        for item in self.content:
            if isinstance(item, np.ndarray):
                require_clip(item) if item.ndim == 1 else require_image(item)
            elif not isinstance(item, str):
                raise InputError(f'content is a {type(item).__name__}; pass text or an array')


@dataclass(frozen=True)
class PicturePart:
    """Rows of one piece of a picture: 0 is the whole, 1.. the detail slices."""

    picture: int
    piece: int
    rows: int

    def __len__(self) -> int:
        return self.rows


@dataclass(frozen=True)
class SoundPart:
    """Rows ``start .. start + rows - 1`` of an encoded clip."""

    clip: int
    start: int
    rows: int

    def __len__(self) -> int:
        return self.rows


ChatPart = IdPart | PicturePart | SoundPart


@dataclass
class ChatPrompt:
    """A prompt in parts, and what its rows are made from.

    clips: the sounds of one message are encoded as one clip, as the official code does.
    """

    parts: list[ChatPart] = field(default_factory=list)
    pictures: list[np.ndarray] = field(default_factory=list)
    clips: list[np.ndarray] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of rows."""
        return sum(len(part) for part in self.parts)

    def ids(self, placeholder: int) -> list[int]:
        """Return the official ids, in which ``placeholder`` stands for every other row."""
        ids: list[int] = []
        for part in self.parts:
            ids += part.ids if isinstance(part, IdPart) else [placeholder] * len(part)
        return ids


@dataclass(frozen=True)
class ChatFormat:
    """How messages are written.

    omni: no line break between the contents of a message.
    thinking: let the model think before it answers.
    speech: the answer will be spoken.
    image_ids: number the pictures.
    """

    omni: bool = False
    thinking: bool = False
    speech: bool = False
    image_ids: bool = True
    max_slices: int = MAX_SLICES

    def __post_init__(self) -> None:
        """Raise InputError for a number of slices that is none."""
        require_max_slices(self.max_slices)

    @property
    def generation_prompt(self) -> str:
        """Return what stands in front of the answer."""
        thinking = '' if self.thinking else NO_THINKING
        return f'<|im_start|>assistant\n{thinking}{"<|tts_bos|>" if self.speech else ""}'


def sound_rows(samples: int, pool_step: int) -> int:
    """Return the embedding rows of a clip, whose every 30 s are encoded by themselves."""
    pieces = [CLIP_SAMPLES] * (samples // CLIP_SAMPLES) + [samples % CLIP_SAMPLES]
    return sum(((-(-piece // HOP) + 1) // 2) // pool_step for piece in pieces)


class ChatPromptBuilder:
    """Writes messages in the official template; encodes nothing but text."""

    def __init__(
        self, config: ModelConfig, tokenizer: TextTokenizer, chat_format: ChatFormat
    ) -> None:
        self._config = config
        self._tokenizer = tokenizer
        self._format = chat_format
        self._structure = SpecialTokens.from_tokenizer(tokenizer).all_ids
        self._prompt = ChatPrompt()
        self._text = ''

    def build(self, messages: Sequence[Message]) -> ChatPrompt:
        """Return the prompt for an answer to ``messages``; raises InputError."""
        if not messages:
            raise InputError('there is no message; pass at least one')
        for message in messages:
            self.add_text(f'<|im_start|>{message.role}\n')
            self.add_content(message.content)
            self.add_text('<|im_end|>\n')
        self.add_text(self._format.generation_prompt)
        return self.finish()

    def add_text(self, text: str) -> None:
        """Append text of the template; special tokens in it are meant."""
        self._text += text

    def add_content(self, content: Sequence[Content]) -> None:
        """Append the contents of one message."""
        sounds = [item for item in content if isinstance(item, np.ndarray) and item.ndim == 1]
        sound_parts = iter(self._add_clip(sounds) if sounds else ())
        for number, item in enumerate(content):
            if number and not self._format.omni:
                self.add_text('\n')
            if isinstance(item, str):
                self._add_user_text(item)
            elif item.ndim == 1:
                self._add_sound(next(sound_parts))
            else:
                self._add_picture(item)

    def finish(self) -> ChatPrompt:
        """Return what was written and begin anew."""
        self._write_text()
        prompt, self._prompt = self._prompt, ChatPrompt()
        return prompt

    def _add_user_text(self, text: str) -> None:
        if not self._structure.isdisjoint(self._tokenizer.encode(text)):
            raise InputError('a message contains a special token; pass plain text')
        self.add_text(text)

    def _add_clip(self, sounds: Sequence[np.ndarray]) -> list[SoundPart]:
        """Add the sounds of a message as one clip; return where the rows of each one are."""
        step = self._config.audio_pool_step
        counts = [sound_rows(len(sound), step) for sound in sounds]
        clip = np.concatenate(sounds)
        while sound_rows(len(clip), step) < sum(counts):
            clip = np.pad(clip, (0, HOP))  # rounding may cost the last row
        self._prompt.clips.append(clip)
        number = len(self._prompt.clips) - 1
        starts = [sum(counts[:i]) for i in range(len(counts))]
        return [SoundPart(number, *place) for place in zip(starts, counts, strict=True)]

    def _add_sound(self, part: SoundPart) -> None:
        self.add_text('<|audio_start|>')
        self._add_rows(part)
        self.add_text('<|audio_end|>')

    def _add_picture(self, image: np.ndarray) -> None:
        """Append a picture: number, whole, and its details row by row."""
        number = len(self._prompt.pictures)
        self._prompt.pictures.append(image)
        if self._format.image_ids:
            self.add_text(f'<image_id>{number}</image_id>')
        self._add_piece('image', number, 0)
        grid = self._grid(image)
        if grid is None:
            return
        columns, rows = grid
        for row in range(rows):
            if row:
                self.add_text('\n')
            for column in range(columns):
                self._add_piece('slice', number, 1 + row * columns + column)

    def _add_piece(self, kind: str, number: int, piece: int) -> None:
        self.add_text(f'<{kind}>')
        self._add_rows(PicturePart(number, piece, self._config.query_num))
        self.add_text(f'</{kind}>')

    def _grid(self, image: np.ndarray) -> Optional[tuple[int, int]]:
        height, width = image.shape[:2]
        resolution = self._config.slicing.scale_resolution
        return choose_grid(width, height, self._format.max_slices, resolution)

    def _add_rows(self, part: ChatPart) -> None:
        self._write_text()
        self._prompt.parts.append(part)

    def _write_text(self) -> None:
        """Encode the text collected so far in one piece."""
        if self._text:
            self._prompt.parts.append(IdPart(tuple(self._tokenizer.encode(self._text))))
            self._text = ''
