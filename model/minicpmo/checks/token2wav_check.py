# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Flow and vocoder of both generations, call by call, against ``token2wav_106/107.*``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minicpmo.checks.stage import Comparison, StageResult, stage
from minicpmo.checks.vectors import Vectors
from minicpmo.speech.causal_vocoder import CausalVocoderState
from minicpmo.speech.flow import diffusion_times
from minicpmo.speech.flow_cache import Generation, Prompt, PromptCache
from minicpmo.speech.noise import HashedNoise, NoNoise, SourceNoise
from minicpmo.speech.token2wav import Token2Wav, Token2WavStream
from minicpmo.speech.token2wav_config import FRAMES_PER_CODE, SAMPLES_PER_FRAME, Token2WavConfig
from minicpmo.speech.vocoder import Vocoder

MEL_TOLERANCE = 1e-4
WAVE_TOLERANCE = 1e-3
WAVE_TOLERANCE_ON_CUDA = 2e-3
"""A GPU adds in another order, and the phase of the voice sums that up over a whole call.

1.13e-3 on an H200."""
CACHE_STRIDE, SAMPLE_STRIDE = 4, 8
VOCODER_FILES = {
    Generation.ORIGINAL: 'token2wav_hift.safetensors',
    Generation.CAUSAL: 'token2wav_hift_causal.safetensors',
}
COMMON_FILES = ('token2wav_flow.safetensors', 'token2wav_prompt.safetensors')


def load_token2wav(vectors: Vectors, generation: Generation) -> Token2Wav:
    """Return the recorded flow and vocoder with the recorded start noise."""
    token2wav = Token2Wav.from_tensors(
        Token2WavConfig.from_dict(vectors.config['token2wav']),
        generation,
        vectors.tensors('token2wav_flow.safetensors'),
        vectors.tensors(VOCODER_FILES[generation]),
        vectors.device,
    )
    noise = vectors.tensors('token2wav_prompt.safetensors')['rand_noise'][0].T
    token2wav.flow.noise[: len(noise)] = noise
    return token2wav


def recorded_prompt(vectors: Vectors) -> Prompt:
    """Return the recorded voice."""
    tensors = vectors.tensors('token2wav_prompt.safetensors')
    codes = tuple(tensors['prompt_tokens'][0].tolist())
    return Prompt(codes, tensors['prompt_mel'][0], tensors['speaker'][0])


@stage(
    'token2wav_106',
    needs=(
        'token2wav_106.json',
        'token2wav_106.safetensors',
        VOCODER_FILES[Generation.ORIGINAL],
        *COMMON_FILES,
    ),
)
def check_original(vectors: Vectors) -> Iterator[StageResult]:
    """Replay the calls of the original generation."""
    yield from _check_generation(vectors, Generation.ORIGINAL, 'token2wav_106')


@stage(
    'token2wav_107',
    needs=(
        'token2wav_107.json',
        'token2wav_107.safetensors',
        VOCODER_FILES[Generation.CAUSAL],
        *COMMON_FILES,
    ),
)
def check_causal(vectors: Vectors) -> Iterator[StageResult]:
    """Replay the calls of the causal generation."""
    yield from _check_generation(vectors, Generation.CAUSAL, 'token2wav_107')


def _check_generation(
    vectors: Vectors, generation: Generation, name: str
) -> Iterator[StageResult]:
    token2wav, prompt = load_token2wav(vectors, generation), recorded_prompt(vectors)
    recorded, tensors = vectors.json(f'{name}.json'), vectors.tensors(f'{name}.safetensors')
    voice = token2wav.prepare_voice(prompt)
    stream = token2wav.new_stream(voice, pool=vectors.new_pool())
    # Only the original generation's recording looks inside and at a text in one piece.
    detailed = generation is Generation.ORIGINAL
    if detailed:
        yield _check_setup(f'{name} setup', voice, recorded, tensors)
        yield _check_source(f'{name} source', token2wav.vocoder, tensors)
    yield _check_encoder(f'{name} encoder', token2wav, voice, recorded, tensors)
    mel = _check_mel(f'{name} mel', token2wav, stream, recorded['chunks'], tensors)
    if detailed:
        whole = token2wav.flow.offline(recorded['oneshot']['tokens'], prompt)
        mel.add('in one piece', whole.T, tensors['oneshot.mel'])
        _compare_final_caches(mel, stream, tensors)
    yield mel.result()
    stream.reset()
    tolerance = WAVE_TOLERANCE_ON_CUDA if vectors.device.type == 'cuda' else WAVE_TOLERANCE
    yield _check_waves(f'{name} wave', stream, recorded['chunks'], tensors, tolerance)


def _check_setup(
    name: str, voice: PromptCache, recorded: dict[str, Any], tensors: dict[str, Tensor]
) -> StageResult:
    comparison = Comparison(name, MEL_TOLERANCE)
    comparison.equal('frames', voice.frames, recorded['prompt_frames'])
    times, _ = diffusion_times(recorded['n_timesteps'])
    comparison.add('times', times, tensors['setup.timesteps'])
    # Recorded packed: code-rate layers twice in a row, so that all layers have mel length.
    repeated = voice.encoder.code_rate.repeat(1, 1, FRAMES_PER_CODE, 1)
    packed = torch.cat((repeated, voice.encoder.mel_rate))[:, None, :, ::CACHE_STRIDE]
    comparison.add('encoder attention', packed, tensors['setup.conformer_att_cache'])
    columns = torch.cat((voice.encoder.lookahead, voice.encoder.upsample), dim=2)
    comparison.add('encoder convolution', columns, tensors['setup.conformer_cnn_cache'])
    return comparison.result()


def _check_source(name: str, vocoder: Vocoder, tensors: dict[str, Tensor]) -> StageResult:
    comparison = Comparison(name, WAVE_TOLERANCE)
    mel, expected = (tensors[f'c0.{name}'].to(vocoder.conv_post.bias) for name in ('mel', 'f0'))
    comparison.add('pitch', vocoder.f0_predictor(mel[None]), expected)
    noise = vocoder.draw_noise(NoNoise(), len(expected), expected.device)
    source = vocoder.source(expected, noise)
    comparison.add('source', source[::SAMPLE_STRIDE], tensors['c0.source'])
    return comparison.result()


def _check_encoder(
    name: str,
    token2wav: Token2Wav,
    voice: PromptCache,
    recorded: dict[str, Any],
    tensors: dict[str, Tensor],
) -> StageResult:
    comparison = Comparison(name, MEL_TOLERANCE)
    states, _ = token2wav.flow.encode(recorded['chunks'][0]['tokens'], voice.encoder, False)
    comparison.add('c0', states, tensors['c0.encoder_out'])
    return comparison.result()


def _check_mel(
    name: str,
    token2wav: Token2Wav,
    stream: Token2WavStream,
    chunks: list[dict[str, Any]],
    tensors: dict[str, Tensor],
) -> Comparison:
    comparison, state = Comparison(name, MEL_TOLERANCE), stream.flow_state
    for chunk in chunks:
        label = f'c{chunk["chunk"]}'
        comparison.equal(f'{label} noise', len(state.slots), chunk['noise_offset'])
        mel = token2wav.flow(chunk['tokens'], state, chunk['last_chunk'])
        comparison.add(label, mel.T, tensors[f'{label}.mel'])
        comparison.equal(f'{label} cached', len(state.slots), chunk['estimator_cache_len'])
        length = state.encoder.mel_rate.shape[2]
        comparison.equal(f'{label} encoded', length, chunk['conformer_cache_len'])
    return comparison


def _compare_final_caches(
    comparison: Comparison, stream: Token2WavStream, tensors: dict[str, Tensor]
) -> None:
    """Compare the estimator's caches after the last call.

    They are recorded under the names 'setup.estimator_*': the official code keeps these caches in
    buffers that every call overwrites, so the recording shows the end of the stream.
    """
    state = stream.flow_state
    rows = torch.tensor(state.slots.used()[: state.prompt.frames : CACHE_STRIDE])
    attention = state.attention[0].cpu()[..., rows, :]
    comparison.add('attention cache', attention, tensors['setup.estimator_att_cache_t0'])
    comparison.add('convolution cache', state.convolution, tensors['setup.estimator_cnn_cache'])


def _check_waves(
    name: str,
    stream: Token2WavStream,
    chunks: list[dict[str, Any]],
    tensors: dict[str, Tensor],
    tolerance: float,
) -> StageResult:
    comparison = Comparison(name, tolerance)
    for chunk in chunks:
        label, state = f'c{chunk["chunk"]}', stream.vocoder_state
        if not isinstance(state, CausalVocoderState):
            state.noise = _noise(chunk)
        samples = stream.decode(chunk['tokens'], chunk['last_chunk'])
        comparison.equal(f'{label} samples', samples.numel(), chunk['samples'])
        if f'{label}.speech' in tensors:
            comparison.add(label, samples, tensors[f'{label}.speech'])
        else:
            comparison.add(label, samples[::SAMPLE_STRIDE], tensors[f'{label}.speech_every_8th'])
        if isinstance(state, CausalVocoderState):
            done = state.done * SAMPLES_PER_FRAME
            comparison.equal(f'{label} finished', done, chunk['hift']['speech_offset'])
            comparison.equal(f'{label} first frame', state.offset, chunk['hift']['mel_offset'])
    return comparison.result()


def _noise(chunk: dict[str, Any]) -> SourceNoise:
    return NoNoise() if chunk['source_noise'] == 'zero' else HashedNoise(chunk['hash_salt'])
