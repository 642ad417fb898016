# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Read what is said in a recording from the description beside it."""

from __future__ import annotations

import json
from pathlib import Path

from minicpmo_ros.demo.observation import Caption


def read_captions(media: Path) -> list[Caption]:
    """Return the captions in ``NAME.json`` beside ``NAME.mp4``; none without such a file.

    media: an empty path for live devices.
    """
    if not media.name:
        return []
    path = media.with_suffix('.json')
    if not path.is_file():
        return []
    try:
        sounds = json.loads(path.read_text())['sounds']
        return [Caption(s['start'], s['end'], s['text'], s['kind']) for s in sounds]
    except (ValueError, KeyError, TypeError):
        return []  # a file of that name that is no description
