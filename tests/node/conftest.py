# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
from tests.node.event_rig import make_rig

__all__ = ['make_rig']
