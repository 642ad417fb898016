# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The event store: retention, deletion, export, full disks, damaged files; coarse pictures."""

from dataclasses import replace
import hashlib
import io
import json

import numpy as np
from PIL import Image
import pytest

from minicpmo_ros.errors import MessageError
from minicpmo_ros.watch import event_store
from minicpmo_ros.watch.event_record import EventRecord, Happening
from minicpmo_ros.watch.event_store import EventStore
from minicpmo_ros.watch.snapshot import MOSAIC_COLUMNS, coarsen
from minicpmo_ros.watch.watch import Severity

HAPPENING = Happening('pot', 'the pot boils', 100.0, 101.0, 'pot', 'kitchen')
PICTURE = b'\xff\xd8 a picture that must vanish \xff\xd9'


def event(name, end=101.0, **given):
    return EventRecord(name, replace(HAPPENING, end=end, **given), 100.0)


@pytest.fixture
def store(tmp_path):
    result = EventStore(tmp_path / 'a' / 'events.db', retention=1000.0)
    yield result
    result.close()


def test_events_survive_a_restart(store):
    store.put(event('a'), PICTURE)
    store.put(replace(event('a'), count=2))
    store.close()
    again = EventStore(store.path, 1000.0)
    assert again.records() == [replace(event('a'), count=2)]
    assert again.snapshot('a') == PICTURE


def test_retention_leaves_what_waits_for_a_person(store):
    store.put(event('old'))
    store.put(event('new', end=2000.0))
    store.put(event('fall', severity=Severity.CRITICAL))
    assert store.prune(1500.0) == 1
    assert [record.event_id for record in store.records()] == ['fall', 'new']
    assert [record.event_id for record in store.pressing()] == ['fall']


def test_only_so_many_events_are_kept(store):
    store.most_events = 5
    for index in range(9):
        store.put(event(f'e{index}', end=100.0 + index))
    assert store.prune(200.0) == 4
    assert [record.event_id for record in store.records()] == [f'e{i}' for i in range(4, 9)]


def test_deleting_an_event_leaves_nothing_of_its_picture(store):
    store.put(event('a'), PICTURE)
    store.put(event('b'))
    assert PICTURE in store.path.read_bytes()
    assert (store.delete('a'), store.delete('a')) == (1, 0)
    assert [record.event_id for record in store.records()] == ['b']
    store.close()
    assert PICTURE not in store.path.read_bytes()


def test_all_events_can_be_deleted(store):
    store.put(event('a'))
    store.put(event('b'))
    assert store.delete('') == 2
    assert not store.records()


def test_export_is_json_lines_with_picture_files(store, tmp_path):
    store.put(event('a'), PICTURE)
    store.put(event('b', end=102.0))
    lines = store.export(tmp_path / 'out').read_text().splitlines()
    first, second = map(json.loads, lines)
    assert first['event_id'] == 'a' and first['text'] == 'the pot boils'
    assert (tmp_path / 'out' / first['snapshot_file']).read_bytes() == PICTURE
    assert second['confidence'] is None and 'snapshot_file' not in second


@pytest.mark.parametrize('content', [b'no database at all' * 99, None])
def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(store, content):
    for index in range(50):
        store.put(event(f'e{index}'), b'x' * 3000)
    store.close()
    data = store.path.read_bytes()
    damaged = content or data[:8192] + b'\0' * 8192 + data[16384:]
    store.path.write_bytes(damaged)
    again = EventStore(store.path, 1000.0)
    assert 'damaged' in again.problem and 'a new begun' in again.problem
    [aside] = store.path.parent.glob('events.db.damaged-*')
    assert aside.read_bytes() == damaged
    again.put(event('new'))
    assert [record.event_id for record in again.records()] == ['new']


def test_a_full_disk_loses_nothing_that_fits_into_memory(store):
    store.put(event('first'))
    pages = store._database.execute('PRAGMA page_count').fetchone()[0]
    store._database.execute(f'PRAGMA max_page_count = {pages}')
    for index in range(3):
        store.put(event(f'e{index}', end=102.0 + index), b'x' * 8000)
    assert 'full' in store.problem and store.lost == 0
    store._database.execute('PRAGMA max_page_count = 100000')
    store.flush()
    assert store.problem == ''
    assert [r.event_id for r in store.records()] == ['first', 'e0', 'e1', 'e2']
    assert len(store.snapshot('e2')) == 8000


def test_memory_for_a_disk_that_stays_full_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(event_store, 'MOST_WAITING', 4)
    (tmp_path / 'file').write_text('')
    store = EventStore(tmp_path / 'file' / 'events.db', 1000.0)
    assert 'memory only' in store.problem
    for index in range(10):
        store.put(event(f'e{index}'))
    assert store.lost == 6
    assert store.records() == [] and store.delete('e9') == 1


def picture_of_noise(width=640, height=480):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'JPEG', quality=95, comment=b'home of somebody')
    return buffer.getvalue()


def test_a_coarse_picture_has_no_detail_within_a_cell():
    result = coarsen(picture_of_noise())
    pixels = np.asarray(Image.open(io.BytesIO(result)).convert('RGB'), np.float32)
    assert pixels.shape == (480, 640, 3)
    side = 640 // MOSAIC_COLUMNS
    cells = pixels.reshape(24, side, MOSAIC_COLUMNS, side, 3)
    assert cells.std(axis=(1, 3)).max() < 6.0  # the original has 74; the rest is JPEG
    assert b'home of somebody' not in result
    assert hashlib.sha256(coarsen(picture_of_noise())).digest() == hashlib.sha256(result).digest()


def test_tall_pictures_keep_their_shape():
    size = Image.open(io.BytesIO(coarsen(picture_of_noise(100, 900)))).size
    assert size == (71, 640)


@pytest.mark.parametrize('data', [b'', b'GIF?', b'\xff\xd8\xff'])
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(MessageError):
        coarsen(data)
