# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A prepared voice: everything that is computed once from a reference clip.

``python -m minicpmo.speech.voice CLIP OUT.safetensors --assets DIR`` prepares one.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Protocol

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
import torch

from minicpmo.errors import CheckpointError, InputError
from minicpmo.speech.flow_cache import Prompt
from minicpmo.speech.onnx_model import ClipAnalyser
from minicpmo.speech.prompt_features import CLIP_RATE, fitted_mel, prompt_mel
from minicpmo.speech.resample import resampled
from minicpmo.speech.token2wav_config import FRAMES_PER_CODE, SAMPLE_RATE

FORMAT = 'minicpmo voice 1'
MIN_SECONDS, MAX_SECONDS = 1.0, 16.0
"""Length of a reference clip. The released sound models cannot hold more in their caches."""
_DTYPES = {
    'codes': torch.int32,
    'speaker': torch.float32,
    'mel': torch.float32,
    'reference': torch.float32,
}


class Analyser(Protocol):
    """What a voice needs besides spectra; see :class:`ClipAnalyser`."""

    def codes(self, clip: torch.Tensor) -> tuple[int, ...]:
        """Return 25 codes per second of a 16 kHz clip [n]."""

    def speaker(self, clip: torch.Tensor) -> torch.Tensor:
        """Return the speaker vector, float32 [192], of a 16 kHz clip [n]."""


@dataclass(frozen=True)
class Voice:
    """How the model speaks.

    prompt: what flow and vocoder continue. reference: float32 [n] at 16 kHz, the clip that the
    language model hears in the system prompt.
    """

    prompt: Prompt
    reference: torch.Tensor

    @classmethod
    def from_clip(cls, samples: np.ndarray | torch.Tensor, rate: int, analyser: Analyser) -> Voice:
        """Return the voice of a clip, float [n] or [n, channels] in [-1, 1].

        Raises:
            InputError: the clip is empty, not finite, of an unusable rate, too short or too long.
        """
        clip = _checked_clip(samples, rate)
        reference = resampled(clip[:, 0], rate, CLIP_RATE)
        codes = analyser.codes(reference)
        mel = fitted_mel(prompt_mel(resampled(clip.mean(dim=1), rate, SAMPLE_RATE)), len(codes))
        return cls(Prompt(codes, mel, analyser.speaker(reference)), reference)

    def save(self, path: str | Path) -> None:
        """Write one safetensors file."""
        tensors = {
            'codes': torch.tensor(self.prompt.codes, dtype=torch.int32),
            'speaker': self.prompt.speaker.float().contiguous(),
            'mel': self.prompt.mel.float().contiguous(),
            'reference': self.reference.float().contiguous(),
        }
        save_file(tensors, str(path), metadata={'format': FORMAT})

    @classmethod
    def load(cls, path: str | Path) -> Voice:
        """Return a saved voice.

        Raises:
            CheckpointError: the file is missing, damaged or not a voice.
        """
        tensors = _read(Path(path))
        for name, dtype in _DTYPES.items():
            tensor = tensors.get(name)
            if tensor is None or tensor.dtype != dtype or not torch.isfinite(tensor).all():
                raise CheckpointError(
                    f'{path}: needs a finite tensor {name} of {dtype}; prepare the voice again'
                )
        codes, mel = tensors['codes'], tensors['mel']
        if codes.dim() != 1 or mel.dim() != 2 or len(mel) != FRAMES_PER_CODE * len(codes):
            raise CheckpointError(
                f'{path}: {tuple(mel.shape)} mel frames do not fit {tuple(codes.shape)} codes; '
                'prepare the voice again'
            )
        prompt = Prompt(tuple(codes.tolist()), mel, tensors['speaker'])
        return cls(prompt, tensors['reference'])


def read_clip(path: str | Path) -> tuple[np.ndarray, int]:
    """Return the samples [n, channels], float32, and the rate of a sound file.

    Raises:
        InputError: the file is missing or not a sound file.
    """
    import soundfile

    try:
        return soundfile.read(str(path), dtype='float32', always_2d=True)
    except (OSError, RuntimeError) as error:
        raise InputError(f'{path}: not a readable sound file ({error})') from error


def _checked_clip(samples: np.ndarray | torch.Tensor, rate: int) -> torch.Tensor:
    clip = torch.as_tensor(samples)
    if not clip.is_floating_point() or clip.dim() not in (1, 2) or not clip.numel():
        raise InputError(
            f'a clip of {clip.dtype} {tuple(clip.shape)} given; pass floats [samples] or '
            '[samples, channels], not empty'
        )
    if not torch.isfinite(clip).all():
        raise InputError('the clip contains NaN or infinity; record it again')
    seconds = len(clip) / rate if rate > 0 else 0.0
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise InputError(
            f'a clip of {seconds:.1f} s given; cut it to {MIN_SECONDS:g} to {MAX_SECONDS:g} s'
        )
    return clip.float().reshape(len(clip), -1)


def _read(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise CheckpointError(f'{path}: no such voice file')
    try:
        with safe_open(str(path), 'pt') as file:
            if (file.metadata() or {}).get('format') != FORMAT:
                raise CheckpointError(f'{path}: not a voice file of format "{FORMAT}"')
            return {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError as error:
        raise CheckpointError(f'{path}: damaged ({error}); prepare the voice again') from error


def main(arguments: Optional[list[str]] = None) -> None:
    """Prepare a voice file from a sound file."""
    parser = argparse.ArgumentParser('python -m minicpmo.speech.voice', description=main.__doc__)
    parser.add_argument('clip', type=Path, help='sound file with one speaker, 1 to 16 s')
    parser.add_argument('out', type=Path, help='voice file to write (.safetensors)')
    parser.add_argument('--assets', type=Path, required=True, help='folder assets/token2wav')
    parser.add_argument('--seconds', type=float, default=MAX_SECONDS, help='use at most so much')
    options = parser.parse_args(arguments)
    try:
        samples, rate = read_clip(options.clip)
        analyser = ClipAnalyser(options.assets)
        voice = Voice.from_clip(samples[: int(options.seconds * rate)], rate, analyser)
        voice.save(options.out)
    except (InputError, CheckpointError) as error:
        parser.exit(1, f'{error}\n')
    print(f'{options.out}: {len(voice.prompt.codes)} codes, {len(voice.prompt.mel)} mel frames')


if __name__ == '__main__':
    main()
