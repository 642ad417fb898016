# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Components of the bridge node: barge-in, stop phrases, gated speech."""
