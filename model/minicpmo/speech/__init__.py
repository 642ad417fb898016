# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Text and hidden states in, 24 kHz speech out: decoder, token2wav, voices and espeak."""
