# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The whole model in training: sound and pictures go in, what is to be said comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import torch
from torch import Tensor, nn
import torch.nn.functional as F

from minicpmo.audio_encoder import AudioEncoder, AudioProjector
from minicpmo.image import normalise
from minicpmo.resampler import Resampler, position_table
from minicpmo.vision import VisionTower, position_ids
from training.nano.joint_store import SampleStore
from training.nano.language_loss import language_loss
from training.nano.language_trainee import LanguageTrainee
from training.nano.mel_batch import draw_filters, log_mel, with_floor
from training.nano.phone import PHONES
from training.nano.plain_attention import use_plain_attention
from training.nano.precision import mixed_precision
from training.nano.renderer import ATTRIBUTES
from training.nano.scene import COLOURS, SHAPES
from training.nano.size import NANO
from training.nano.vision_training import equal_patches, small_object_loss
from training.nano.warm_start import AUDIO_GAIN, SCALED, SHIPPED, begin_with, scale_audio_rows

_LOUDER_PAST = 0.3  # share of the windows before which something louder was heard
_HIDDEN_BANDS, _BAND_WIDTH = 2, 12  # mel bands hidden at random (SpecAugment)
_HIDDEN_SPANS, _SPAN_FRAMES = 4, 14
_HIDING = 0.6  # share of the windows in which something is hidden
_SIZES = range(3)


class JointTrainee(LanguageTrainee):
    """Everything that ships, plus heads that are thrown away afterwards."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__(vocabulary)
        self.row_noise = 0.05
        self.apm = AudioEncoder(NANO.audio)
        self.audio_projection_layer = AudioProjector(NANO)
        self.vpm = VisionTower(NANO)
        self.resampler = Resampler(NANO)
        width = NANO.llm.hidden_size
        self.phone_head = nn.Linear(NANO.audio.d_model, len(PHONES))
        self.heads = nn.ModuleDict({name: nn.Linear(width, n) for name, n in ATTRIBUTES.items()})
        self.patch_head = nn.Linear(NANO.vision.hidden_size, len(SHAPES) * len(COLOURS))
        use_plain_attention(self)

    def hear(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Return frames [windows, 250, size] and rows [windows, 50, hidden] of [.., 80, 504]."""
        frames = self.apm.stream([mel])
        return frames, self.audio_projection_layer(frames)

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features [n, patches, size] and rows [n, queries, hidden] of equal pictures.

        The same as tower and resampler compute, without a loop over the pictures.
        """
        batch = equal_patches(images, NANO.slicing.patch_size)
        size, table = batch.sizes[0], self.vpm.embeddings
        weight = table.patch_embedding.weight
        strips = normalise(batch.strips)
        patches = strips.unflatten(-1, (-1, weight.shape[-1])).permute(0, 3, 1, 2, 4).flatten(2)
        x = F.linear(patches, weight.flatten(1), table.patch_embedding.bias)
        x = x + table.position_embedding(position_ids(size, table.table_side).to(x.device))
        for layer in self.vpm.encoder.layers:
            x = layer(x, None)
        features = self.vpm.post_layernorm(x)
        read = self.resampler
        value = read.ln_kv(read.kv_proj(features))
        key = value + position_table(*size, value.shape[-1], value.device, value.dtype)
        query = read.ln_q(read.query).expand(len(images), -1, -1)
        return features, read.ln_post(read.attn(query, key, value, None)) @ read.proj


def begin(vocabulary: int, run: Path, start: Optional[Path] = None) -> JointTrainee:
    """Return the trainee with what the stages of a run have learned.

    start: folder of a finished model whose weights are taken instead; only heads come from the
    run then, and stay new where it has none.

    Raises:
        ValueError: neither has all weights.
    """
    model = JointTrainee(vocabulary)
    learned = _stages(run)
    if start is None:
        missing = {name for name in model.state_dict() if name.startswith(SHIPPED)} - set(learned)
        if missing:
            raise ValueError(f'{run} has no {min(missing)}; run the earlier stages first')
    else:
        learned = {k: v for k, v in learned.items() if not k.startswith(SHIPPED)}
        begin_with(model, start)
        scale_audio_rows(model)
    known = model.state_dict()
    fitting = {k: v for k, v in learned.items() if k in known and known[k].shape == v.shape}
    model.load_state_dict(fitting, strict=False)
    return model


def _stages(run: Path) -> dict[str, Tensor]:
    """Return the weights and heads of all earlier stages, scaled as they ship."""
    learned: dict[str, Tensor] = {}
    for stage in ('audio', 'vision', 'language'):
        path = run / f'{stage}.pt'
        if path.exists():
            state = torch.load(path, map_location='cpu', weights_only=True)['model']
            learned |= {name: value.float() for name, value in state.items()}
    return {k: AUDIO_GAIN * v if k.startswith(SCALED) else v for k, v in learned.items()}


def _mel(audio: Tensor, floors: Tensor, disturbed: bool) -> Tensor:
    """Return the encoder's input [windows, 80, 504]."""
    floors = floors.repeat_interleave(100, 1)
    floors = F.pad(floors[:, None], (2, 2), mode='replicate')
    if not disturbed:
        return with_floor(log_mel(audio), floors)
    log = log_mel(audio, draw_filters(len(audio), audio.device))
    louder = 1.5 * torch.rand_like(floors[..., :1])
    chosen = torch.rand_like(louder) < _LOUDER_PAST
    mel = with_floor(log, floors + louder * chosen)
    return torch.where(_hidden(mel), mel.mean(dim=(1, 2), keepdim=True), mel)


def _hidden(mel: Tensor) -> Tensor:
    """Return bool [windows, 80, frames], True where nothing is to be heard (SpecAugment)."""
    count, bands, frames = mel.shape

    def ranges(number: int, widest: int, length: int) -> Tensor:
        width = torch.rand(count, number, 1, device=mel.device) * widest
        start = torch.rand(count, number, 1, device=mel.device) * (length - width)
        place = torch.arange(length, device=mel.device)
        return ((place >= start) & (place < start + width)).any(1)

    some = torch.rand(count, 1, 1, device=mel.device) < _HIDING
    band = ranges(_HIDDEN_BANDS, _BAND_WIDTH, bands)[:, :, None]
    span = ranges(_HIDDEN_SPANS, _SPAN_FRAMES, frames)[:, None, :]
    return (band | span) & some


def weighted(
    model: JointTrainee, store: SampleStore, batch: dict[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what is minimised, and values to watch."""
    long = store.long.windows(batch['conversation.slots'], batch['conversation.windows'])
    brief = store.brief.windows(batch['asking.slots'], batch['asking.windows'])
    audio, phones, floors = (torch.cat(pair) for pair in zip(long, brief, strict=True))
    mel = _mel(audio, floors, model.training)
    with mixed_precision(mel.device.type):
        frames, heard = model.hear(mel)
        sources = [heard.flatten(0, 1)]
        said = model.phone_head(frames)
        seen = [_look(model, store, batch, size) for size in _SIZES]
        sources += [rows.flatten(0, 1) for rows, _, _ in seen if rows is not None]
        source = torch.cat([part.float() for part in sources])
    parts = {'phone': F.cross_entropy(said.float().flatten(0, 1), phones.flatten())}
    spoken = (phones > 0).float()
    right = (said.argmax(-1) == phones).float()
    parts['phone_accuracy'] = (right * spoken).sum() / spoken.sum().clamp_min(1)
    parts['picture'] = torch.stack([loss for _, loss, _ in seen if loss is not None]).sum()
    parts['picture_accuracy'] = seen[0][2] if seen[0][2] is not None else parts['picture']
    total = 0.5 * parts['phone'] + 0.2 * parts['picture']
    for name in ('long', 'short'):
        chosen = {k.split('.')[1]: v for k, v in batch.items() if k.startswith(f'{name}.')}
        loss, told = language_loss(model, {**chosen, 'embeddings': source[chosen['take']]})
        total = total + loss
        parts.update({f'{name}_{key}': value for key, value in told.items()})
    return total, {name: value.detach() for name, value in parts.items()}


def _look(model: JointTrainee, store: SampleStore, batch: dict[str, Tensor], size: int) -> tuple:
    """Return rows, loss and accuracy for the pictures of one size, None three times without."""
    places, classes = batch[f'picture.{size}'], batch[f'classes.{size}']
    if not len(places):
        return None, None, None
    features, rows = model.look(store.pictures[size].pictures[places])
    mean = rows.float().mean(1)
    targets = dict(zip(ATTRIBUTES, classes.unbind(1), strict=True))
    loss = 5 * small_object_loss(model.patch_head(features), targets)
    right = []
    for name, target in targets.items():
        guess = model.heads[name](mean).float()
        loss = loss + F.cross_entropy(guess, target)
        right.append((guess.argmax(-1) == target).float().mean())
    return rows, loss, torch.stack(right).mean()
