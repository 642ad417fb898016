# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Find the right reader for what the user named."""

from __future__ import annotations

from pathlib import Path

from minicpmo_ros.errors import MediaError
from minicpmo_ros.media.item import MediaSource

CAMERA_PREFIX = 'camera:'
RECORDING_SUFFIXES = ('.mcap', '.db3', '.bag')


def open_media(
    name: str, picture_period: float = 1.0, topics: tuple[str, ...] = ()
) -> MediaSource:
    """Return a source for a file, a folder of pictures, a recording, or 'camera:0'.

    Readers are imported here, so that only the libraries in use have to be installed.

    :raises MediaError: when it does not exist or is of no known kind.
    """
    if name.startswith(CAMERA_PREFIX):
        return _open_camera(name)
    path = Path(name).expanduser()
    if not path.exists():
        raise MediaError(f'media {name!r} does not exist')
    if path.suffix in RECORDING_SUFFIXES or (path / 'metadata.yaml').exists():
        from minicpmo_ros.media.recording_source import RecordingSource

        # rosbag2 describes a recording in the folder; a bare mcap file describes itself.
        folder = path.parent if path.suffix == '.db3' else path
        return RecordingSource(folder, topics)
    if path.is_dir():
        from minicpmo_ros.media.folder_source import FolderSource

        return FolderSource(path, picture_period)
    from minicpmo_ros.media.container_source import ContainerSource

    return ContainerSource(path)


def _open_camera(name: str) -> MediaSource:
    from minicpmo_ros.media.camera_source import CameraSource

    number = name[len(CAMERA_PREFIX) :]
    if not number.isdigit():
        raise MediaError(f'{name!r} must be camera: and a number, such as camera:0')
    return CameraSource(int(number))
