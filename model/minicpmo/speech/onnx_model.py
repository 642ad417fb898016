# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The two ONNX models of the checkpoint that analyse a reference clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from minicpmo.errors import CheckpointError
from minicpmo.speech.prompt_features import code_mel, quantised_codes, speaker_features

TOKENIZER_FILE = 'speech_tokenizer_v2_25hz.onnx'
SPEAKER_FILE = 'campplus.onnx'


class ClipAnalyser:
    """Speech codes and speaker vector of a clip, computed on the CPU.

    Raises:
        CheckpointError: onnxruntime is not installed or a file is missing or damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self._tokenizer = _open(Path(folder) / TOKENIZER_FILE)
        self._speaker = _open(Path(folder) / SPEAKER_FILE)

    def codes(self, clip: torch.Tensor) -> tuple[int, ...]:
        """Return 25 codes per second of a 16 kHz clip [n]."""
        mel = code_mel(clip)[None].numpy()
        length = np.array([mel.shape[2]], np.int32)
        (found, *_) = _run(self._tokenizer, mel, length)
        if np.issubdtype(found.dtype, np.floating):
            found = quantised_codes(torch.from_numpy(found[0])).numpy()
        return tuple(int(code) for code in found.reshape(-1))

    def speaker(self, clip: torch.Tensor) -> torch.Tensor:
        """Return the speaker vector, float32 [192], of a 16 kHz clip [n]."""
        (vector, *_) = _run(self._speaker, speaker_features(clip)[None].numpy())
        return torch.from_numpy(vector.astype(np.float32).reshape(-1))


def _open(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise CheckpointError(
            'a voice is prepared from a clip with onnxruntime, which is not installed; '
            'run "pip install onnxruntime", or load a voice that was saved before'
        ) from error
    if not path.is_file():
        raise CheckpointError(
            f'{path}: missing; copy it from assets/token2wav of the release, or load a voice that '
            'was saved before'
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=['CPUExecutionProvider']
        )
    # onnxruntime's own exception classes derive from Exception only and differ between versions.
    except Exception as error:
        raise CheckpointError(f'{path}: onnxruntime cannot read it ({error})') from error


def _run(session: Any, *inputs: np.ndarray) -> list[np.ndarray]:
    names = [spec.name for spec in session.get_inputs()]
    if len(names) != len(inputs):
        raise CheckpointError(
            f'an ONNX model with inputs {names} was found where {len(inputs)} are expected'
        )
    return session.run(None, dict(zip(names, inputs, strict=True)))
