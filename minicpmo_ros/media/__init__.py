# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Read media files, folders and recordings as a stream of pictures and sound."""
