# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fetch the official release: ``python -m minicpmo.download FOLDER``.

A download that was interrupted goes on where it stopped; every file is compared with the size
and checksum the hub states. Code files of the release are never fetched, nothing is executed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
import hashlib
from http.client import HTTPException
import json
from pathlib import Path, PurePosixPath
import shutil
import sys
import time
from typing import Any, Optional
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from minicpmo.errors import CheckpointError

BASE_URL = 'https://huggingface.co'
REPOSITORY = 'openbmb/MiniCPM-o-4_5'
SUFFIXES = ('.json', '.safetensors', '.txt', '.pt', '.onnx', '.yaml', '.wav', '.md')
"""What is fetched; ``LICENSE`` comes, too."""

_BLOCK = 1 << 20
_TIMEOUT_S = 60.0
_ATTEMPTS = 6
_RANGE_IGNORED, _RANGE_OVER = 200, 416

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RemoteFile:
    """A file of the release.

    digest: SHA-256 for large files, git's blob SHA-1 for small ones, None where unstated.
    """

    name: str
    size: int
    digest: Optional[str] = None


@dataclass(frozen=True)
class Release:
    """Where a release lies on a hub with the usual addresses."""

    base_url: str = BASE_URL
    repository: str = REPOSITORY
    revision: str = 'main'

    def files(self) -> list[RemoteFile]:
        """Return the files worth fetching; raise CheckpointError if the hub does not answer."""
        revision = quote(self.revision, safe='')
        url = f'{self.base_url}/api/models/{self.repository}/revision/{revision}?blobs=true'
        with _open(Request(url)) as response:
            entries = json.load(response)['siblings']
        return [_remote_file(entry) for entry in entries if _is_wanted(entry['rfilename'])]

    def address(self, name: str) -> str:
        """Return the address of a file."""
        revision = quote(self.revision, safe='')
        return f'{self.base_url}/{self.repository}/resolve/{revision}/{quote(name)}'


def download(release: Release, folder: Path | str, progress: Optional[Progress] = None) -> None:
    """Fetch what ``folder`` lacks of ``release``.

    Args:
        release: what to fetch.
        folder: where to; an interrupted download in it is continued.
        progress: called with the name of a file, its bytes so far and its size.

    Raises:
        CheckpointError: no connection, too little space, or a file differs from its checksum.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = release.files()
    missing = [file for file in files if not _is_complete(folder / file.name, file)]
    _require_space(folder, missing)
    for file in missing:
        _fetch(release.address(file.name), file, folder / file.name, progress)


def _fetch(url: str, file: RemoteFile, path: Path, progress: Optional[Progress]) -> None:
    """Fetch one file beside its final name, check it, then give it that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + '.part')
    failures = 0
    while not part.exists() or part.stat().st_size < file.size:
        before = part.stat().st_size if part.exists() else 0
        try:
            _continue(url, file, part, progress)
        except (OSError, HTTPException) as error:
            # An attempt that brought something does not count: slow lines may break often.
            failures = 1 if part.exists() and part.stat().st_size > before else failures + 1
            if failures == _ATTEMPTS:
                raise CheckpointError(
                    f'{url}: {error}; check the connection and run the command again, it goes '
                    'on where it stopped'
                ) from error
            time.sleep(min(2.0**failures * 0.1, 5.0))
    if not _matches(part, file):
        part.unlink()
        raise CheckpointError(
            f'{file.name} differs from its published checksum and was removed; run again'
        )
    part.replace(path)


def _continue(url: str, file: RemoteFile, part: Path, progress: Optional[Progress]) -> None:
    """Append what is missing of one file; a server without ranges starts from the beginning."""
    done = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={'Range': f'bytes={done}-'} if done else {})
    with urlopen(request, timeout=_TIMEOUT_S) as response:
        if done and response.status == _RANGE_IGNORED:
            done = 0
        with open(part, 'ab' if done else 'wb') as output:
            while block := response.read(_BLOCK):
                output.write(block)
                done += len(block)
                if progress is not None:
                    progress(file.name, done, file.size)
    if done != file.size:
        raise HTTPException(f'{done} of {file.size} bytes came')


def _is_complete(path: Path, file: RemoteFile) -> bool:
    """Return whether the file is there; its checksum was compared before it got its name."""
    return path.is_file() and path.stat().st_size == file.size


def _matches(path: Path, file: RemoteFile) -> bool:
    if path.stat().st_size != file.size:
        return False
    if file.digest is None:
        return True
    is_git_blob = len(file.digest) == hashlib.sha1().digest_size * 2
    digest = hashlib.sha1(f'blob {file.size}\0'.encode()) if is_git_blob else hashlib.sha256()
    with open(path, 'rb') as content:
        while block := content.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest() == file.digest


def _open(request: Request) -> Any:
    try:
        return urlopen(request, timeout=_TIMEOUT_S)
    except HTTPError as error:
        raise CheckpointError(
            f'{request.full_url}: {error}; check the names of repository and revision'
        ) from error
    except OSError as error:
        raise CheckpointError(
            f'{request.full_url}: {error}; connect to the internet, or copy the folder of the '
            'release here by other means'
        ) from error


def _is_wanted(name: str) -> bool:
    path = PurePosixPath(name)
    if path.is_absolute() or '..' in path.parts:
        raise CheckpointError(f'the hub lists {name!r}, which lies outside the folder; refused')
    return path.suffix in SUFFIXES or path.name == 'LICENSE'


def _remote_file(entry: dict[str, Any]) -> RemoteFile:
    digest = (entry.get('lfs') or {}).get('sha256') or entry.get('blobId')
    return RemoteFile(entry['rfilename'], int(entry['size']), digest)


def _require_space(folder: Path, files: Sequence[RemoteFile]) -> None:
    parts = ((folder / (file.name + '.part'), file.size) for file in files)
    needed = sum(size - (p.stat().st_size if p.exists() else 0) for p, size in parts)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise CheckpointError(
            f'{folder}: {needed / 1e9:.1f} GB are missing but only {free / 1e9:.1f} GB are free; '
            'choose another folder'
        )


def print_progress(name: str, done: int, size: int) -> None:
    """Write one line that replaces itself."""
    end = '\n' if done >= size else ''
    print(f'\r{name}: {done / 1e6:.0f} of {size / 1e6:.0f} MB', end=end, file=sys.stderr)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Fetch the release into a folder; return 1 with a message if that is impossible."""
    parser = argparse.ArgumentParser(prog='python -m minicpmo.download', description=__doc__)
    parser.add_argument('folder', type=Path, help='where to put the model')
    parser.add_argument('--repository', default=REPOSITORY)
    parser.add_argument('--revision', default='main')
    parser.add_argument('--base-url', default=BASE_URL, help='a mirror of the hub')
    options = parser.parse_args(arguments)
    release = Release(options.base_url.rstrip('/'), options.repository, options.revision)
    try:
        download(release, options.folder, print_progress)
    except CheckpointError as error:
        print(error, file=sys.stderr)
        return 1
    print(f'{options.folder} is complete')
    return 0


if __name__ == '__main__':
    sys.exit(main())
