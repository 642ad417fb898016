# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Put items of a source on one clock: sound in pieces as a microphone would deliver them."""

from __future__ import annotations

from collections.abc import Iterator
import heapq
from typing import Optional

import numpy as np

from minicpmo_ros.errors import MediaError
from minicpmo_ros.media.item import SAMPLE_RATE, Item, Sound

# Containers interleave pictures and sound loosely; at most this much is read ahead to sort [s].
LOOK_AHEAD = 2.0


def due_time(item: Item) -> float:
    """Return when an item exists [s]: a block of sound at its last sample."""
    if isinstance(item, Sound):
        return item.time + len(item.samples) / SAMPLE_RATE
    return item.time


def split_sound(items: Iterator[Item], piece: int) -> Iterator[Item]:
    """Yield the items with sound cut into pieces of exactly ``piece`` samples.

    A hole in the sound of more than one piece is kept as a hole; the rest at the end is filled
    up with silence.
    """
    rest = np.zeros(0, np.int16)
    begin = 0.0
    for item in items:
        if not isinstance(item, Sound):
            yield item
            continue
        if len(rest) and item.time - (begin + len(rest) / SAMPLE_RATE) > piece / SAMPLE_RATE:
            yield Sound(begin, _filled(rest, piece))
            rest = rest[:0]
        begin = begin if len(rest) else item.time
        rest = np.concatenate([rest, item.samples])
        whole = len(rest) // piece * piece
        for first in range(0, whole, piece):
            yield Sound(begin + first / SAMPLE_RATE, rest[first : first + piece])
        begin += whole / SAMPLE_RATE
        rest = rest[whole:]
    if len(rest):
        yield Sound(begin, _filled(rest, piece))


def in_order(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items by the time at which they are due.

    An item waits until every kind of item seen so far has come as far, at most LOOK_AHEAD. When
    the source fails, what waits is yielded before the error goes on.
    """
    waiting: list[tuple[float, int, Item]] = []
    newest: dict[type, float] = {}
    failure: Optional[MediaError] = None
    try:
        for number, item in enumerate(items):
            due = due_time(item)
            newest[type(item)] = max(newest.get(type(item), 0.0), due)
            heapq.heappush(waiting, (due, number, item))
            while waiting and waiting[0][0] <= _safe_time(newest):
                yield heapq.heappop(waiting)[2]
    except MediaError as error:
        failure = error
    while waiting:
        yield heapq.heappop(waiting)[2]
    if failure is not None:
        raise failure


def _safe_time(newest: dict[type, float]) -> float:
    latest = max(newest.values())
    slowest = min(newest.values()) if len(newest) > 1 else 0.0
    return max(slowest, latest - LOOK_AHEAD)


def _filled(samples: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([samples, np.zeros(length - len(samples), np.int16)])
