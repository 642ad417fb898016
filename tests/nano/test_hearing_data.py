# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import torch

from training.nano.hearing_data import hide_some
from training.nano.household import StillHousehold
from training.nano.scene import SceneState


def test_nothing_changes_in_a_still_home():
    scene = SceneState('hall', people=('lying',), parcel=True)
    home = StillHousehold.showing(np.random.default_rng(0), scene)
    home.move_to('kitchen', 1)
    home.open_watch('lamp_off', 1)
    assert all(home.step(unit, ('lamp_off',), True) == scene for unit in range(50))


def test_hiding_leaves_the_shape_and_most_of_the_sound_and_copies():
    rng = np.random.default_rng(1)
    mels = [torch.randn(80, 102), *(torch.randn(80, 104) for _ in range(7))]
    before = [mel.clone() for mel in mels]
    hidden = hide_some(rng, mels)
    assert [mel.shape for mel in hidden] == [mel.shape for mel in before]
    assert all(torch.equal(mel, old) for mel, old in zip(mels, before, strict=True))
    same = torch.cat([(a == b).flatten() for a, b in zip(hidden, before, strict=True)])
    assert 0.5 < same.float().mean() < 1
