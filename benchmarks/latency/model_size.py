# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Models of three sizes with random weights: their contents do not change the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Optional

import torch

from minicpmo.checkpoint import assign_weight, empty_model, expected_shapes
from minicpmo.config import (
    AudioConfig,
    LanguageConfig,
    ModelConfig,
    SpeechConfig,
    VisionConfig,
)
from minicpmo.graph.captured_step import GraphPool
from minicpmo.host_table import host_tables, move_to_host
from minicpmo.model import OmniModel
from minicpmo.quantization.conversion import assign_matrix, install, tensor_formats
from minicpmo.quantization.quantizer import quantize
from minicpmo.quantization.scheme import Quantization
from minicpmo.speech.flow_cache import Generation, Prompt
from minicpmo.speech.synthesizer import ModelSpeech
from minicpmo.speech.token2wav import Token2Wav
from minicpmo.speech.token2wav_config import (
    FRAMES_PER_CODE,
    EncoderConfig,
    EstimatorConfig,
    FlowConfig,
    Token2WavConfig,
    VocoderConfig,
)
from training.nano.size import NANO as TRAINED

WEIGHT_SPREAD = 0.02
PROMPT_CODES = 125
"""A reference voice of five seconds."""


@dataclass(frozen=True)
class Size:
    """A model to measure.

    sound: sizes of flow and vocoder, None where the model has no speech of its own.
    """

    model: ModelConfig
    sound: Token2WavConfig | None


TINY = Size(
    ModelConfig(
        llm=LanguageConfig(314, 256, 96, 2, 8, 2, head_dim=16),
        vision=VisionConfig(16, 32, 3, 2),
        audio=AudioConfig(80, 32, 2, 2, 128),
        speech=SpeechConfig(256, 16, 48, 2, 2, 2, num_text_tokens=314, audio_bos_token_id=253),
    ),
    Token2WavConfig(
        FlowConfig(
            input_size=16,
            encoder=EncoderConfig(16, 2, 48, 2, 2),
            estimator=EstimatorConfig(hidden_size=32, num_heads=2, head_dim=16, depth=2),
        ),
        VocoderConfig(base_channels=32, f0_channels=16),
    ),
)
NANO = Size(TRAINED, None)
FULL = Size(
    ModelConfig(
        llm=LanguageConfig(151748, 4096, 12288, 36, 32, 8),
        vision=VisionConfig(),
        audio=AudioConfig(),
        speech=SpeechConfig(),
    ),
    Token2WavConfig(),
)
SIZES = {'tiny': TINY, 'nano': NANO, 'full': FULL}


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Create tensors of this type inside the block."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def random_model(
    size: Size,
    device: torch.device,
    dtype: torch.dtype,
    quantization: Quantization = Quantization.NONE,
    offload: bool = False,
) -> OmniModel:
    """Return a model with random weights, made on the device."""
    torch.manual_seed(0)
    if quantization is not Quantization.NONE:
        model = _quantized_model(size, device, dtype, quantization, offload)
    else:
        with default_dtype(dtype), torch.device(device):
            model = OmniModel(size.model)
        if offload:
            move_to_host(model, host_tables(expected_shapes(model)), device)
    if model.tts is not None:
        model.tts.prepare()
    return model.requires_grad_(False).eval()


def _quantized_model(
    size: Size,
    device: torch.device,
    dtype: torch.dtype,
    quantization: Quantization,
    offload: bool,
) -> OmniModel:
    """Return the model filled tensor by tensor, so that it never is there unquantised."""
    model = empty_model(size.model)
    shapes = expected_shapes(model)
    on_host = host_tables(shapes) if offload else []
    formats = tensor_formats(shapes, quantization, on_host)
    install(model, shapes, formats)
    for name, shape in shapes.items():
        tensor = WEIGHT_SPREAD * torch.randn(shape, device=device, dtype=dtype)
        if name in formats:
            assign_matrix(model, name, quantize(tensor, formats[name]), dtype)
        else:
            assign_weight(model, name, tensor)
            if name in on_host:
                move_to_host(model, (name,), device)
    return model


def speech_factory(
    size: Size,
    model: OmniModel,
    device: torch.device,
    generation: Generation = Generation.ORIGINAL,
    offload: bool = False,
) -> Callable[[Optional[GraphPool]], ModelSpeech | None]:
    """Return a function that makes the speech of a new session, its steps captured in a pool."""
    if size.sound is None or model.tts is None:
        return lambda pool: None
    decoder = model.tts
    with torch.device(device):
        sound = Token2Wav.empty(size.sound, generation)
    sound.flow.requires_grad_(False).eval().prepare()
    sound.vocoder.requires_grad_(False).eval().prepare()
    voice = sound.prepare_voice(random_prompt(size.sound, device))
    voice = voice.on_host() if offload else voice
    return lambda pool: ModelSpeech.duplex(decoder, sound, voice, pool=pool)


@dataclass(frozen=True)
class RandomWeights:
    """A model of random weights that several measured sessions share."""

    model: OmniModel
    new_speech: Callable[[Optional[GraphPool]], ModelSpeech | None]

    @classmethod
    def make(
        cls,
        size: str,
        device: torch.device,
        dtype: torch.dtype,
        quantization: Quantization = Quantization.NONE,
        offload: bool = False,
    ) -> RandomWeights:
        """Return the model of a size by name; ``offload``: token tables and voice on the host."""
        model = random_model(SIZES[size], device, dtype, quantization, offload)
        speech = speech_factory(SIZES[size], model, device, offload=offload)
        return cls(model, speech)


def random_prompt(config: Token2WavConfig, device: torch.device) -> Prompt:
    """Return a voice of PROMPT_CODES random codes."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(config.flow.vocab_size, (PROMPT_CODES,), generator=generator)
    frames = PROMPT_CODES * FRAMES_PER_CODE
    mel = torch.randn(frames, config.flow.output_size, generator=generator)
    speaker = torch.randn(config.flow.spk_embed_dim, generator=generator)
    return Prompt(tuple(codes.tolist()), mel.to(device), speaker.to(device))
