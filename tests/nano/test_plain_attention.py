# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import torch

from minicpmo.audio_encoder import AudioEncoder
from minicpmo.image import PatchBatch
from minicpmo.llm import LanguageModel
from minicpmo.vision import VisionTower
from training.nano.plain_attention import use_plain_attention
from training.nano.size import NANO


def _both(model: torch.nn.Module, run) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    with torch.no_grad():
        official = run(model)
        use_plain_attention(model)
        return official, run(model)


def test_language_model_computes_the_same() -> None:
    model = LanguageModel(replace(NANO.llm, vocab_size=50))
    rows = torch.randn(2, 37, NANO.llm.hidden_size)
    official, plain = _both(model, lambda model: model(rows))
    torch.testing.assert_close(plain, official, rtol=0, atol=2e-5)


def test_audio_encoder_computes_the_same_over_several_seconds() -> None:
    model = AudioEncoder(NANO.audio)
    units = [torch.randn(2, 80, 102), *torch.randn(6, 2, 80, 104)]
    official, plain = _both(model, lambda model: model.stream(units))
    torch.testing.assert_close(plain, official, rtol=0, atol=2e-5)


def test_vision_tower_computes_the_same() -> None:
    model = VisionTower(NANO)
    batch = PatchBatch(
        torch.randint(0, 256, (2, 3, 14, 14 * 12), dtype=torch.uint8), ((3, 4),) * 2
    )
    official, plain = _both(model, lambda model: model(batch))
    torch.testing.assert_close(plain, official, rtol=0, atol=2e-5)
