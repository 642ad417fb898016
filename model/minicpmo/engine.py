# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Loaded weights that many sessions share: the local implementation of ``Backend``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
import enum
import logging
from pathlib import Path
from typing import Optional

import torch

from minicpmo.chat import ChatSession
from minicpmo.chat_prompt import Content
from minicpmo.checkpoint import load_model, plan_load
from minicpmo.config import PARTS, ModelConfig
from minicpmo.duplex import DuplexSession
from minicpmo.duplex_input import DuplexPrompt
from minicpmo.errors import ConfigurationError
from minicpmo.half_duplex import HalfDuplexSession
from minicpmo.memory_plan import available_memory
from minicpmo.model import OmniModel
from minicpmo.protocol import Capabilities
from minicpmo.session_option import (
    SessionDefaults,
    chat_options,
    duplex_options,
    half_duplex_options,
    merged_options,
)
from minicpmo.speech.silent_span import SilentSpanSpeech
from minicpmo.stream_encoder import StreamEncoder
from minicpmo.tokenizer import PretrainedTokenizer, TextTokenizer
from minicpmo.voice_library import VoiceLibrary
from minicpmo.yes_no import YesNoQuestion

_LOGGER = logging.getLogger(__name__)

DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16, 'float16': torch.float16}


class Mode(enum.Enum):
    """The official modes of a loaded model; changing it loads nothing."""

    CHAT = 'chat'
    STREAMING = 'streaming'
    DUPLEX = 'duplex'


class Engine:
    """Implements :class:`minicpmo.protocol.Backend` on weights in this process.

    model, tokenizer, voices: what all sessions share.
    """

    def __init__(
        self,
        model: OmniModel,
        tokenizer: TextTokenizer,
        voices: VoiceLibrary,
        defaults: SessionDefaults,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.voices = voices
        self.defaults = defaults
        self.capabilities = Capabilities(
            name='minicpmo',
            full_duplex=True,
            vision=model.vpm is not None,
            audio=model.apm is not None,
            speech=voices.kind(merged_options(defaults, {})) != 'none',
            proactive=True,
            yes_no_questions=defaults.yes_no_questions
            and YesNoQuestion.from_tokenizer(tokenizer) is not None,
            model_id=defaults.model_id,
            says_given_words=True,
            context_notes=defaults.context_notes,
        )

    @classmethod
    def load(
        cls,
        folder: Path | str,
        device: str = 'auto',
        dtype: str = 'auto',
        parts: Optional[Collection[str]] = None,
        progress: Optional[Callable[[int, int], None]] = None,
    ) -> Engine:
        """Load a model folder in the layout of the official release.

        Args:
            folder: config.json, safetensors shards, tokenizer, optionally assets and
                session.json.
            device: 'cpu', 'cuda', 'cuda:N', or 'auto' for a GPU where there is one.
            dtype: 'float32', 'bfloat16', 'float16', or 'auto': float32 on a CPU, else bfloat16.
            parts: of 'vision', 'audio', 'speech'; None loads all the folder has.
            progress: called with bytes read so far and in all.

        Raises:
            CheckpointError: the folder is incomplete, damaged or does not fit its config.
            ConfigurationError: an option or a config value is unknown, or the model does not fit
                into the memory that is free.
        """
        folder = Path(folder)
        place = choose_device(device)
        config = ModelConfig.from_folder(folder)
        if parts is not None:
            config = config.without(*left_out_parts(parts))
        kind = choose_dtype(dtype, place)
        defaults = SessionDefaults.from_folder(folder)
        rows = duplex_options(merged_options(defaults, {})).cache_rows
        plan = plan_load(folder, config, place, kind, rows)
        plan.require_fit(available_memory(place))
        _LOGGER.info('memory on %s\n%s', place, plan.table())
        model = load_model(folder, config, place, kind, progress)
        tokenizer = PretrainedTokenizer(folder)
        voices = VoiceLibrary(model, folder / 'assets')
        return cls(model, tokenizer, voices, defaults)

    def prepare(self, system_prompt: Optional[str] = None, **options: object) -> DuplexSession:
        """Return a new duplex session; see ``session_option.OPTION_NAMES`` for the options.

        Raises:
            ConfigurationError: an option is unknown or has an unknown value.
            InputError: the system prompt does not fit the window.
        """
        values = merged_options(self.defaults, options)
        typed = duplex_options(values)
        instruction = self.defaults.instruction if system_prompt is None else system_prompt
        if values.get('instruction_suffix'):
            instruction = f'{instruction}\n{values["instruction_suffix"]}'
        prompt = DuplexPrompt.from_text(
            self.tokenizer, instruction, self.voices.prompt_rows(values)
        )
        speech = None if typed.text_only else self.voices.new_synthesizer(values)
        if speech is not None and values.get('spoken_mask'):
            speech = SilentSpanSpeech(speech, values['spoken_mask'](), self.tokenizer.decode)
        encoder = StreamEncoder(self.model)
        return DuplexSession(self.model.llm, self.tokenizer, encoder, speech, prompt, typed)

    def chat(self, speak: bool = False, **options: object) -> ChatSession:
        """Return a new turn-based session; see ``session_option.CHAT_OPTION_NAMES``.

        Raises:
            ConfigurationError: an option is unknown or has an unknown value.
        """
        typed = chat_options(options)
        speech = self.voices.new_synthesizer(options, turn_based=True) if speak else None
        return ChatSession(self.model, self.tokenizer, speech, typed)

    def half_duplex(
        self, system: Sequence[Content] = (), speak: bool = True, **options: object
    ) -> HalfDuplexSession:
        """Return a new half-duplex session; see ``session_option.HALF_DUPLEX_OPTION_NAMES``.

        system: content of the system message, such as a voice prompt.

        Raises:
            ConfigurationError: an option is unknown or has an unknown value.
            InputError: the system message cannot be used.
        """
        typed = half_duplex_options(options)
        speech = self.voices.new_synthesizer(options, turn_based=True) if speak else None
        return HalfDuplexSession(self.model, self.tokenizer, speech, system, typed)

    def open(
        self, mode: Mode, **options: object
    ) -> DuplexSession | ChatSession | HalfDuplexSession:
        """Return a new session of an official mode; sessions of all modes may run together."""
        return {
            Mode.DUPLEX: self.prepare,
            Mode.CHAT: self.chat,
            Mode.STREAMING: self.half_duplex,
        }[mode](**options)


def left_out_parts(wanted: Collection[str]) -> list[str]:
    """Return those of PARTS that are not wanted; raises ConfigurationError for an unknown one."""
    unknown = [wanted] if isinstance(wanted, str) else sorted(set(wanted) - set(PARTS))
    if unknown:
        raise ConfigurationError(f'parts: {unknown} given; pass a tuple of {", ".join(PARTS)}')
    return [part for part in PARTS if part not in wanted]


def choose_device(name: str) -> torch.device:
    """Return the device; raises ConfigurationError for one that is not there."""
    if name == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigurationError(f'device {name!r}: {error}; use auto, cpu or cuda') from error
    if device.type == 'cuda' and not torch.cuda.is_available():
        raise ConfigurationError(f'device {name!r}: no CUDA device is available; use cpu')
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the type of the weights; raises ConfigurationError for an unknown one."""
    if name == 'auto':
        return torch.float32 if device.type == 'cpu' else torch.bfloat16
    if name not in DTYPES:
        raise ConfigurationError(f'dtype {name!r}: use auto, {", ".join(DTYPES)}')
    return DTYPES[name]
