# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters of the bridge node itself."""

from __future__ import annotations

from dataclasses import dataclass

from minicpmo_ros.parameter import parameter


@dataclass(frozen=True)
class BridgeParameters:
    """What decides which components there are."""

    use_audio_devices: bool = parameter(
        True,
        'an audio_device_node runs; false: the bridge detects speech on the topic audio and'
        ' gates the voice on speech/audio for a player of your own',
        read_only=True,
    )
