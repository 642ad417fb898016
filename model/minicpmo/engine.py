# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Loaded weights that many sessions share: the local implementation of ``Backend``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
import enum
import logging
from pathlib import Path
import time
from typing import Optional

import torch

from minicpmo.available_memory import available_memory, shares_memory
from minicpmo.chat import ChatSession
from minicpmo.chat_prompt import Content
from minicpmo.checkpoint import load_model, memory_request
from minicpmo.config import PARTS, ModelConfig
from minicpmo.duplex import DuplexSession
from minicpmo.duplex_input import DuplexPrompt
from minicpmo.errors import ConfigurationError
from minicpmo.graph.execution import Execution
from minicpmo.half_duplex import HalfDuplexSession
from minicpmo.memory_advice import require_fit, require_host_room, with_offload
from minicpmo.model import OmniModel
from minicpmo.protocol import Capabilities
from minicpmo.quantization.matrix_store import default_cache
from minicpmo.quantization.scheme import Quantization, require_hardware
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
from minicpmo.voice_library import VoiceLibrary, reference_frames
from minicpmo.warm_up import warm_up
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

    model, tokenizer, voices: what all sessions share. quantization: of the language model.
    execution: how sessions run; None runs everything as it comes.
    """

    def __init__(
        self,
        model: OmniModel,
        tokenizer: TextTokenizer,
        voices: VoiceLibrary,
        defaults: SessionDefaults,
        quantization: Quantization = Quantization.NONE,
        execution: Optional[Execution] = None,
    ) -> None:
        self.quantization = quantization
        self.model = model
        self.tokenizer = tokenizer
        self.voices = voices
        self.defaults = defaults
        self.execution = execution or Execution(model.device)
        model.llm.kernel = self.execution.attention.kernel
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
            execution=self.execution.line(),
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
        quantization: str = 'none',
        quantization_cache: Path | str = 'auto',
        context_tokens: Optional[int] = None,
        cuda_graphs: str = 'auto',
        attention: str = 'auto',
        offload: str = 'auto',
    ) -> Engine:
        """Load a model folder in the layout of the official release.

        Args:
            folder: config.json, safetensors shards, tokenizer, optionally assets and
                session.json.
            device: 'cpu', 'cuda', 'cuda:N', or 'auto' for a GPU where there is one.
            dtype: 'float32', 'bfloat16', 'float16', or 'auto': float32 on a CPU, else bfloat16.
            parts: of 'vision', 'audio', 'speech'; None loads all the folder has.
            progress: called with bytes read so far and in all.
            quantization: of the language model: 'none', 'int8', 'int4' or 'fp8'.
            quantization_cache: folder for quantised matrices, which makes the next load shorter;
                'auto' for one in the user's cache, 'none' to keep nothing.
            context_tokens: size of a session's cache to plan memory for; that of the folder's
                defaults if not given. Pass the same to :meth:`prepare`.
            cuda_graphs: 'auto' captures the hot path of duplex sessions on a CUDA device, 'false'
                does not; see docs/engine.md.
            attention: 'sdpa', 'flash', or 'auto' for the faster one, which is measured.
            offload: 'true' keeps token tables and the imitated voice in host memory, 'auto' where
                the model fits only so.

        Raises:
            CheckpointError: the folder is incomplete, damaged or does not fit its config.
            QuantizationError: the quantisation cannot be had on this device.
            MemoryShortageError: the model does not fit into the memory that is free.
            ConfigurationError: an option or a config value is unknown.
        """
        folder = Path(folder)
        place = choose_device(device)
        config = ModelConfig.from_folder(folder)
        if parts is not None:
            config = config.without(*left_out_parts(parts))
        kind = choose_dtype(dtype, place)
        execution = Execution.choose(cuda_graphs, attention, config.llm, place, kind)
        defaults = SessionDefaults.from_folder(folder)
        quantized = Quantization.parse(quantization)
        require_hardware(quantized, place, kind)
        given = {} if context_tokens is None else {'context_tokens': context_tokens}
        rows = duplex_options(merged_options(defaults, given)).cache_rows
        request = memory_request(folder, config, place, kind, rows, quantized)
        captures = execution.fixed_shapes and place.type == 'cuda'
        request = replace(request, cuda_graphs=captures, shared_memory=shares_memory(place))
        frames = reference_frames(folder / 'assets')
        if frames is not None:
            request = replace(request, voice_frames=frames)
        free = available_memory(place)
        request = with_offload(offload, request, free)
        plan = require_fit(request, free, place)
        require_host_room(plan, available_memory(torch.device('cpu')))
        _LOGGER.info('memory on %s\n%s', place, plan.table())
        cache = cache_folder(quantization_cache)
        model = load_model(
            folder, config, place, kind, progress, quantized, cache, request.offload
        )
        tokenizer = PretrainedTokenizer(folder)
        voices = VoiceLibrary(model, folder / 'assets', request.offload)
        return cls(model, tokenizer, voices, defaults, quantized, execution)

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
        # The two run at the same time, so they may not share scratch memory.
        pool, speech_pool = self.execution.new_pool(), self.execution.new_pool()
        begun = time.perf_counter()
        speech = None
        if not typed.text_only:
            speech = self.voices.new_synthesizer(values, pool=speech_pool)
        if speech is not None and values.get('spoken_mask'):
            speech = SilentSpanSpeech(speech, values['spoken_mask'](), self.tokenizer.decode)
        session = DuplexSession(
            self.model.llm, self.tokenizer, StreamEncoder(self.model), speech, prompt, typed,
            pool=pool, progress=_log_capture,
        )  # fmt: skip
        if self.execution.fixed_shapes:
            can, side = self.capabilities, self.model.config.slicing.scale_resolution
            warm_up(session, can.audio, side if can.vision else 0)
        running = self.execution.line(pool, speech_pool)
        self.capabilities = replace(self.capabilities, execution=running)
        _LOGGER.info('session ready after %.1f s: %s', time.perf_counter() - begun, running)
        return session

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


def _log_capture(done: int, total: int) -> None:
    _LOGGER.info('%d of %d steps of the language model are warm', done, total)


def left_out_parts(wanted: Collection[str]) -> list[str]:
    """Return those of PARTS that are not wanted; raises ConfigurationError for an unknown one."""
    unknown = [wanted] if isinstance(wanted, str) else sorted(set(wanted) - set(PARTS))
    if unknown:
        raise ConfigurationError(f'parts: {unknown} given; pass a tuple of {", ".join(PARTS)}')
    return [part for part in PARTS if part not in wanted]


def cache_folder(name: Path | str) -> Optional[Path]:
    """Return the folder for quantised matrices, None where nothing is to be kept."""
    if name == 'none':
        return None
    return default_cache() if name == 'auto' else Path(name).expanduser()


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
