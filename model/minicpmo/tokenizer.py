# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Text to token ids and back; special tokens are looked up by name, never by number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import json
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from minicpmo.errors import CheckpointError, ConfigurationError, InputError


@runtime_checkable
class TextTokenizer(Protocol):
    """What the sessions need of a tokenizer.

    special_ids: ids listed as special by the tokenizer, never carried over as history.
    skip_ids: ids that ``decode`` drops; every added token flagged special.
    bad_ids: ids that may not be spoken.
    eos_id: id of ``<|im_end|>``.
    """

    special_ids: frozenset[int]
    skip_ids: frozenset[int]
    bad_ids: tuple[int, ...]
    eos_id: int
    vocab_size: int

    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``; special tokens written in it become single ids."""

    def decode(self, ids: Iterable[int], skip_special: bool = True) -> str:
        """Return the text; bytes are joined across tokens, U+FFFD marks incomplete UTF-8."""

    def token_id(self, name: str) -> int:
        """Return the id of the token written ``name``; raise ConfigurationError without one."""


class PretrainedTokenizer:
    """A tokenizer folder read by ``transformers``; code lying in the folder is never run.

    The folder holds ``tokenizer.json``, or ``vocab.json`` and ``merges.txt`` (the official
    release), and ``tokenizer_config.json`` with ``bad_token_ids``.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        config = _read_tokenizer_config(self.folder)
        self._tokenizer = _load_tokenizer(self.folder)
        self._vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        self.vocab_size = len(self._tokenizer)
        self.special_ids = frozenset(self._tokenizer.all_special_ids)
        added = self._tokenizer.added_tokens_decoder
        self.skip_ids = frozenset(id_ for id_, token in added.items() if token.special)
        self.bad_ids = tuple(config.get('bad_token_ids') or ())
        _require_ids_in_vocabulary(self.bad_ids, self.vocab_size, self.folder)
        self.eos_id = self.token_id('<|im_end|>')

    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``; special tokens written in it become single ids."""
        return self._tokenizer.encode(text, add_special_tokens=False)

    def decode(self, ids: Iterable[int], skip_special: bool = True) -> str:
        """Return the text; bytes are joined across tokens, U+FFFD marks incomplete UTF-8."""
        return self._tokenizer.decode(
            list(ids), skip_special_tokens=skip_special, clean_up_tokenization_spaces=False
        )

    def token_id(self, name: str) -> int:
        """Return the id of the token written ``name``; raise ConfigurationError without one."""
        return _find_token(self._vocabulary, name, self.folder)


class VectorTokenizer:
    """The tokenizer of recorded vectors: every id with its bytes, from ``id_map.json``."""

    def __init__(self, id_map: Mapping[str, Any]) -> None:
        self.vocab_size = int(id_map['vocab_size'])
        self._bytes = tuple(bytes.fromhex(piece) for piece in id_map['token_bytes_hex'])
        if len(self._bytes) != self.vocab_size:
            raise ConfigurationError(
                f'id_map.json: token_bytes_hex has {len(self._bytes)} entries for vocab_size '
                f'{self.vocab_size}; record the vectors again'
            )
        self.special_ids = frozenset(id_map['all_special_ids'])
        self.skip_ids = frozenset(id_map['skip_special'])
        self.bad_ids = tuple(id_map['bad_token_ids'])
        self.eos_id = int(id_map['eos_token_id'])
        self._vocabulary = {text: id_ for id_, text in enumerate(id_map['token_text'])}
        self._vocabulary.update(id_map['special'])
        # Longest first; a special token wins over text of the same length.
        self._pieces = sorted(
            ((piece, id_) for id_, piece in enumerate(self._bytes) if piece),
            key=lambda entry: (-len(entry[0]), entry[1] not in self.skip_ids),
        )

    @classmethod
    def from_file(cls, path: str | Path) -> VectorTokenizer:
        """Return the tokenizer of an ``id_map.json``."""
        return cls(json.loads(Path(path).read_text(encoding='utf-8')))

    def encode(self, text: str) -> list[int]:
        """Return ids by longest match (recorded sets carry no merge rules).

        Raises:
            InputError: ``text`` holds bytes that no token of the small vocabulary covers.
        """
        data, ids, start = text.encode('utf-8'), [], 0
        while start < len(data):
            match = next((p for p in self._pieces if data.startswith(p[0], start)), None)
            if match is None:
                raise InputError(
                    f'{text!r}: no token covers {data[start : start + 8]!r}; '
                    'use text of the recorded vocabulary'
                )
            start += len(match[0])
            ids.append(match[1])
        return ids

    def decode(self, ids: Iterable[int], skip_special: bool = True) -> str:
        """Return the text; bytes are joined across tokens, U+FFFD marks incomplete UTF-8."""
        skipped = self.skip_ids if skip_special else frozenset()
        data = b''.join(self._bytes[id_] for id_ in ids if id_ not in skipped)
        return data.decode('utf-8', errors='replace')

    def token_id(self, name: str) -> int:
        """Return the id of the token written ``name``; raise ConfigurationError without one."""
        return _find_token(self._vocabulary, name, 'id_map.json')


def _find_token(vocabulary: Mapping[str, int], name: str, source: object) -> int:
    if name not in vocabulary:
        raise ConfigurationError(f'{source}: no token {name!r}; use the tokenizer of the model')
    return vocabulary[name]


def _read_tokenizer_config(folder: Path) -> dict[str, Any]:
    path = folder / 'tokenizer_config.json'
    try:
        return dict(json.loads(path.read_text(encoding='utf-8')))
    except FileNotFoundError as error:
        raise CheckpointError(f'{path} does not exist; download the model again') from error
    except (ValueError, TypeError) as error:
        raise CheckpointError(
            f'{path} is not JSON with named entries ({error}); get it again'
        ) from error


def _load_tokenizer(folder: Path) -> Any:
    # Imported here: transformers takes a second to load and recorded vectors do not need it.
    from transformers import PreTrainedTokenizerFast, Qwen2Tokenizer

    if (folder / 'tokenizer.json').is_file():
        kind = PreTrainedTokenizerFast
    elif (folder / 'vocab.json').is_file() and (folder / 'merges.txt').is_file():
        kind = Qwen2Tokenizer
    else:
        raise CheckpointError(
            f'{folder} has neither tokenizer.json nor vocab.json with merges.txt; '
            'download the model again'
        )
    try:
        return kind.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the Rust tokenizer raises bare Exception for a damaged file
        raise CheckpointError(
            f'{folder}: the tokenizer files cannot be read ({error}); download them again'
        ) from error


def _require_ids_in_vocabulary(ids: Iterable[int], vocab_size: int, folder: Path) -> None:
    outside = [id_ for id_ in ids if not isinstance(id_, int) or not 0 <= id_ < vocab_size]
    if outside:
        raise CheckpointError(
            f'{folder}/tokenizer_config.json: bad_token_ids {outside[:5]} are not in the '
            f'vocabulary of {vocab_size}; download the tokenizer again'
        )
