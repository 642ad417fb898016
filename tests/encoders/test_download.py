# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Downloads from a local hub that breaks connections and lies about contents."""

import hashlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import threading

import pytest

from minicpmo import download as module
from minicpmo.download import Release, download, main
from minicpmo.errors import CheckpointError

FILES = {
    'config.json': b'{"vocab_size": 3}',
    'model-00001-of-00001.safetensors': bytes(range(256)) * 9000,
    'assets/token2wav/flow.yaml': b'a: 1\n',
    'modeling_minicpmo.py': b'raise SystemExit("must never be fetched")',
}


class Hub(ThreadingHTTPServer):
    """Serves FILES in the addresses of a hub; ``break_after`` cuts that many first answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), Handler)
        self.contents = dict(FILES)
        self.listed = dict(FILES)
        self.requests: list[tuple[str, str]] = []
        self.breaks = 0
        self.ranges = True

    @property
    def release(self) -> Release:
        return Release(f'http://127.0.0.1:{self.server_port}', 'some/model', 'main')

    def listing(self) -> dict:
        return {'siblings': [entry(name, content) for name, content in self.listed.items()]}


def entry(name: str, content: bytes) -> dict:
    git = hashlib.sha1(f'blob {len(content)}\0'.encode() + content).hexdigest()
    result = {'rfilename': name, 'size': len(content), 'blobId': git}
    if len(content) > 1000:
        result['lfs'] = {'sha256': hashlib.sha256(content).hexdigest()}
    return result


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == '/api/models/some/model/revision/main?blobs=true':
            self._send(json.dumps(self.server.listing()).encode(), 0)
            return
        name = self.path.removeprefix('/some/model/resolve/main/')
        if name not in self.server.contents:
            self.send_error(404)
            return
        asked = self.headers.get('Range', '')
        self.server.requests.append((name, asked))
        start = int(asked[len('bytes=') : -1]) if asked and self.server.ranges else 0
        self._send(self.server.contents[name], start)

    def _send(self, content: bytes, start: int) -> None:
        self.send_response(206 if start else 200)
        self.send_header('Content-Length', str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if len(content) > 1000 and self.server.breaks > 0:
            self.server.breaks -= 1
            body = body[: len(body) // 3]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr(module.time, 'sleep', lambda seconds: None)
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_everything_but_code_is_fetched(hub, tmp_path):
    calls = []
    download(hub.release, tmp_path, lambda *call: calls.append(call))
    for name, content in FILES.items():
        path = tmp_path / name
        assert path.read_bytes() == content if not name.endswith('.py') else not path.exists()
    assert {name for name, _, _ in calls} == set(FILES) - {'modeling_minicpmo.py'}
    assert all(done <= size for _, done, size in calls)
    assert not list(tmp_path.rglob('*.part'))


def test_broken_connection_goes_on_where_it_stopped(hub, tmp_path):
    hub.breaks = 3
    download(hub.release, tmp_path)
    name = 'model-00001-of-00001.safetensors'
    assert (tmp_path / name).read_bytes() == FILES[name]
    starts = [asked for requested, asked in hub.requests if requested == name]
    assert starts[0] == '' and len(starts) == 4
    offsets = [int(asked[6:-1]) for asked in starts[1:]]
    assert offsets == sorted(set(offsets)) and offsets[0] == len(FILES[name]) // 3


def test_second_run_continues_the_first_and_a_third_fetches_nothing(hub, tmp_path):
    name = 'model-00001-of-00001.safetensors'
    (tmp_path / (name + '.part')).write_bytes(FILES[name][:1000])
    download(hub.release, tmp_path)
    assert (name, 'bytes=1000-') in hub.requests
    assert (tmp_path / name).read_bytes() == FILES[name]
    hub.requests.clear()
    download(hub.release, tmp_path)
    assert hub.requests == []


def test_server_without_ranges_starts_again(hub, tmp_path):
    hub.ranges = False
    name = 'model-00001-of-00001.safetensors'
    (tmp_path / (name + '.part')).write_bytes(b'x' * 1000)
    download(hub.release, tmp_path)
    assert (tmp_path / name).read_bytes() == FILES[name]


@pytest.mark.parametrize('name', ['config.json', 'model-00001-of-00001.safetensors'])
def test_wrong_content_is_refused_and_removed(hub, tmp_path, name):
    hub.contents[name] = bytes(len(FILES[name]))
    with pytest.raises(CheckpointError, match=f'{name} differs from its published checksum'):
        download(hub.release, tmp_path)
    assert not (tmp_path / name).exists() and not (tmp_path / (name + '.part')).exists()


def test_connection_that_never_brings_anything_ends(hub, tmp_path):
    name = 'model-00001-of-00001.safetensors'
    hub.contents[name] = b''
    with pytest.raises(CheckpointError, match='goes on where it stopped'):
        download(hub.release, tmp_path)


def test_name_outside_the_folder_is_refused(hub, tmp_path):
    hub.listed['../evil.json'] = b'{}'
    with pytest.raises(CheckpointError, match='outside the folder'):
        download(hub.release, tmp_path)


def test_too_little_space_is_named_before_anything_is_fetched(hub, tmp_path, monkeypatch):
    usage = type('Usage', (), {'free': 10})()
    monkeypatch.setattr(module.shutil, 'disk_usage', lambda folder: usage)
    with pytest.raises(CheckpointError, match='choose another folder'):
        download(hub.release, tmp_path)
    assert hub.requests == []


def test_command(hub, tmp_path, capsys):
    release = hub.release
    arguments = [str(tmp_path), '--base-url', release.base_url + '/', '--repository']
    assert main([*arguments, release.repository]) == 0
    assert 'is complete' in capsys.readouterr().out
    assert main([*arguments, 'no/such']) == 1
    assert 'check the names' in capsys.readouterr().err
    hub.shutdown()
    hub.server_close()
    assert main([*arguments, release.repository]) == 1
    assert 'connect to the internet' in capsys.readouterr().err
