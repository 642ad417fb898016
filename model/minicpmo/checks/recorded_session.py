# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sessions on recorded weights, set up as a recorded conversation was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
from PIL import Image
import torch

from minicpmo.checks.decode_check import sampling_options
from minicpmo.checks.vectors import Vectors
from minicpmo.config import ModelConfig
from minicpmo.context_window import WindowMode, WindowOptions
from minicpmo.duplex import DuplexSession
from minicpmo.duplex_input import DuplexPrompt
from minicpmo.duplex_options import DuplexOptions
from minicpmo.errors import CheckpointError
from minicpmo.model import OmniModel
from minicpmo.protocol import Unit
from minicpmo.sampling import Draws
from minicpmo.speech.code_sampler import CodeSampling
from minicpmo.speech.flow import Generation, Prompt
from minicpmo.speech.noise import NoNoise
from minicpmo.speech.synthesizer import ModelSpeech
from minicpmo.speech.token2wav import Token2Wav
from minicpmo.speech.token2wav_config import Token2WavConfig
from minicpmo.stream_encoder import StreamEncoder
from minicpmo.tokenizer import VectorTokenizer
from minicpmo.unit_decoder import DecodingOptions

INT16_SCALE = 32768.0
UNIT_SAMPLES = 16000

WINDOW_NAMES = {
    'high': 'basic_window_high_tokens',
    'low': 'basic_window_low_tokens',
    'max_units': 'context_max_units',
    'previous_max': 'context_previous_max_tokens',
}
KNOWN_DUPLEX = {'sliding_window_mode', 'force_listen_count', 'generate_audio'}
KNOWN_GENERATE = {
    'decode_mode',
    'temperature',
    'top_k',
    'top_p',
    'listen_top_k',
    'listen_prob_scale',
    'text_repetition_penalty',
    'text_repetition_window_size',
    'length_penalty',
    'max_new_speak_tokens_per_chunk',
}


def load_omni_model(vectors: Vectors) -> OmniModel:
    """Return the recorded model in float32; every recorded weight must have its place."""
    weights = vectors.weights
    table = weights.get('tts.model.embed_tokens.weight')
    config = ModelConfig.from_dict(vectors.config['model'])
    model = OmniModel(config, 0 if table is None else table.shape[0])
    model.load_state_dict(weights)
    model.requires_grad_(False).eval().to(vectors.device)
    if model.tts is not None:
        model.tts.prepare()
    return model


@dataclass
class RecordedModel:
    """Model, tokenizer, inputs and voice of a recorded set."""

    vectors: Vectors
    model: OmniModel
    tokenizer: VectorTokenizer
    inputs: dict[str, torch.Tensor]
    voice_rows: torch.Tensor

    @classmethod
    def load(cls, vectors: Vectors) -> RecordedModel:
        """Return everything that all traces share."""
        return cls(
            vectors,
            load_omni_model(vectors),
            VectorTokenizer(vectors.id_map),
            vectors.tensors('inputs/audio.safetensors'),
            vectors.tensors('audio.safetensors')['offline.ref_chunk1s'],
        )

    def session(self, trace: dict[str, Any], draws: Optional[Draws] = None) -> DuplexSession:
        """Return a session with the options and the prompt of a trace."""
        options = duplex_options(trace)
        pool = self.vectors.new_pool()
        speech = None if options.text_only else self.new_speech()
        prompt = _prompt(trace, self.tokenizer, self.voice_rows)
        encoder = StreamEncoder(self.model)
        return DuplexSession(
            self.model.llm, self.tokenizer, encoder, speech, prompt, options, draws, pool=pool
        )

    def new_speech(self) -> ModelSpeech:
        """Return a synthesizer as in the traces: best codes, no vocoder noise, old generation."""
        vectors, decoder = self.vectors, self.model.tts
        if decoder is None:
            raise CheckpointError('config.json has no speech decoder; the trace needs one')
        token2wav = Token2Wav.from_tensors(
            Token2WavConfig.from_dict(vectors.config['token2wav']),
            Generation.ORIGINAL,
            vectors.tensors('token2wav_flow.safetensors'),
            vectors.tensors('token2wav_hift.safetensors'),
            self.model.device,
        )
        prompt = vectors.tensors('token2wav_prompt.safetensors')
        token2wav.flow.noise = prompt['rand_noise'][0].T.contiguous().to(self.model.device)
        codes = tuple(prompt['prompt_tokens'].flatten().tolist())
        voice = token2wav.prepare_voice(
            Prompt(codes, prompt['prompt_mel'][0], prompt['speaker'].flatten())
        )
        return ModelSpeech.duplex(
            decoder,
            token2wav,
            voice,
            CodeSampling(seed=None),
            NoNoise(),
            self.vectors.new_pool(),
        )

    def unit(self, index: int, given: dict[str, Any]) -> Unit:
        """Return the input of one recorded unit."""
        images = tuple(self._picture(name) for name in given.get('frames', ()))
        audio = self._second(given['audio_unit']) if given.get('audio', True) else None
        return Unit(
            index,
            audio,
            images,
            force_listen=bool(given.get('force_listen', False)),
            max_slices=given.get('max_slice_nums'),
        )

    def _second(self, number: int) -> np.ndarray:
        """Return one second of the recorded speech, which is repeated without end."""
        speech = self.inputs['speech_16k_i16']
        places = torch.arange(number * UNIT_SAMPLES, (number + 1) * UNIT_SAMPLES) % len(speech)
        return (speech[places].float() / INT16_SCALE).numpy()

    def _picture(self, name: str) -> np.ndarray:
        with Image.open(self.vectors.path(f'inputs/{name}.png')) as picture:
            return np.asarray(picture.convert('RGB'))


def duplex_options(trace: dict[str, Any]) -> DuplexOptions:
    """Return the options of a trace; an option this engine does not know is an error."""
    spec = trace['spec']
    duplex, generate = spec.get('duplex', {}), spec.get('generate', {})
    unknown = duplex.keys() - KNOWN_DUPLEX - set(WINDOW_NAMES.values())
    unknown |= generate.keys() - KNOWN_GENERATE
    if unknown:
        raise CheckpointError(f'trace {trace["name"]}: unknown options {sorted(unknown)}')
    limits = {ours: duplex[theirs] for ours, theirs in WINDOW_NAMES.items() if theirs in duplex}
    marker = spec['prepare'].get('context_previous_marker')
    if marker is not None:
        limits['marker'] = marker
    decoding = {}
    if 'max_new_speak_tokens_per_chunk' in generate:
        decoding['max_tokens'] = generate['max_new_speak_tokens_per_chunk']
    return DuplexOptions(
        sampling=sampling_options(generate, generate.get('decode_mode', 'greedy') == 'greedy'),
        decoding=DecodingOptions(**decoding),
        window=WindowOptions(WindowMode(duplex.get('sliding_window_mode', 'off')), **limits),
        force_listen_count=duplex.get('force_listen_count', 0),
        text_only=not duplex.get('generate_audio', True),
        context_tokens=_longest(trace) + 1024,
    )


def _longest(trace: dict[str, Any]) -> int:
    units = trace['units']
    return max(unit[name] for unit in units for name in ('kv_before', 'kv_after_finalize'))


def _prompt(
    trace: dict[str, Any], tokenizer: VectorTokenizer, voice_rows: torch.Tensor
) -> DuplexPrompt:
    prepare = trace['spec']['prepare']
    return DuplexPrompt(
        tuple(tokenizer.encode(prepare['prefix_system_prompt'])),
        voice_rows if prepare['use_ref'] else None,
        tuple(tokenizer.encode(prepare['suffix_system_prompt'])),
    )
