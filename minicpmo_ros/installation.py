# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the files of this package lie: in a checkout, or in an installed share folder."""

from __future__ import annotations

import os
from pathlib import Path

from minicpmo_ros.errors import BackendError, WorkspaceError

PACKAGE = 'minicpmo_ros'


def share_folder() -> Path:
    """Return the folder with config/, launch/, media/ and model/.

    :raises WorkspaceError: when the package is neither a checkout nor installed completely.
    """
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / 'package.xml').exists():
        return checkout
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        share = Path(prefix) / 'share' / PACKAGE
        if prefix and share.exists():
            return share
    raise WorkspaceError(
        f'the share folder of {PACKAGE} is not below AMENT_PREFIX_PATH; source the workspace'
    )


def model_folder(path: str) -> Path:
    """Return the folder of a model: a path, or the name of one that ships with the package.

    :raises BackendError: when there is no such folder.
    """
    for folder in (Path(path).expanduser(), share_folder() / 'model' / path):
        if path and folder.is_dir():
            return folder
    raise BackendError(f'model folder {path!r} does not exist; give a folder, or nano')


def configuration_file(path: str) -> Path:
    """Return a configuration file: a path, or the name of one in the config folder.

    :raises WorkspaceError: when there is no such file.
    """
    for file in (Path(path).expanduser(), share_folder() / 'config' / path):
        if path and file.is_file():
            return file
    raise WorkspaceError(f'configuration file {path!r} does not exist')
