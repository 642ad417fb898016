# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Build nano's tokenizer: byte-level pairs learned on the closed corpus plus MiniCPM-o's tokens.

Any text can be encoded (256 byte tokens); every word the robot says is one token. Special tokens
have the names of the full-size model, so that one engine reads both.
"""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from training.nano.pacing import split_into_units
from training.nano.request import wordings
from training.nano.speech_corpus import spoken_sentences

VOCABULARY_SIZE = 900
SYSTEM_PROMPT = 'Streaming Omni Conversation.'
_ANSWER_WEIGHT = 50
_PROMPT_WEIGHT = 20
_PLAIN_NAMES = (
    '<tool_call>', '</tool_call>', '<|fim_prefix|>', '<|fim_middle|>', '<|fim_suffix|>',
    '<|fim_pad|>', '<|repo_name|>', '<|file_sep|>', '<tool_response>', '</tool_response>',
    '<think>', '</think>',
)  # fmt: skip
_PAIRED_NAMES = (
    'image', 'ref', 'box', 'quad', 'point', 'slice', 'image_id', 'unit', 'answer', 'focus', 'line',
    'perception', 'source_image', 'image_save_to',
)  # fmt: skip
_SPECIAL_NAMES = (
    '<unk>', '<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|object_ref_start|>',
    '<|object_ref_end|>', '<|box_start|>', '<|box_end|>', '<|quad_start|>', '<|quad_end|>',
    '<|vision_start|>', '<|vision_end|>', '<|vision_pad|>', '<|image_pad|>', '<|video_pad|>',
    *(f'<{slash}{name}>' for name in _PAIRED_NAMES for slash in ('', '/')),
    '<|audio_start|>', '<|audio|>', '<|audio_end|>', '<|spk_bos|>', '<|spk|>', '<|spk_eos|>',
    '<|tts_bos|>', '<|tts_eos|>', '<|listen|>', '<|speak|>', '<|interrupt|>', '<|vad_start|>',
    '<|vad_end|>', '<|emotion_start|>', '<|emotion_end|>', '<|speed_start|>', '<|speed_end|>',
    '<|pitch_start|>', '<|pitch_end|>', '<|turn_bos|>', '<|turn_eos|>', '<|chunk_eos|>',
    '<|chunk_bos|>', '<|chunk_tts_bos|>', '<|chunk_tts_eos|>', '<|tts_pad|>',
    *(f'<|timbre_{index}|>' for index in range(7, 32)),
)  # fmt: skip


def corpus() -> list[str]:
    """Return the text the pairs are learned on; what the robot says weighs most."""
    said = [part for sentence in spoken_sentences() for part in split_into_units(sentence)]
    prompts = [SYSTEM_PROMPT, 'system\n', 'user\n', 'assistant\n', '\n\nprevious: ']
    asked = [text for held_out in (False,) for _, text in wordings(held_out)]
    return said * _ANSWER_WEIGHT + prompts * _PROMPT_WEIGHT + asked


def build_tokenizer() -> Tokenizer:
    """Return the trained tokenizer; the same on every machine."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    added = len(_PLAIN_NAMES) + len(_SPECIAL_NAMES)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - added,
        min_frequency=2,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_tokens([AddedToken(name, normalized=False) for name in _PLAIN_NAMES])
    tokenizer.add_special_tokens(
        [AddedToken(name, normalized=False, special=True) for name in _SPECIAL_NAMES]
    )
    return tokenizer


def write_tokenizer(folder: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json, loadable by AutoTokenizer offline."""
    folder.mkdir(parents=True, exist_ok=True)
    build_tokenizer().save(str(folder / 'tokenizer.json'))
    config = {
        'tokenizer_class': 'PreTrainedTokenizerFast',
        'eos_token': '<|im_end|>',
        'pad_token': '<|endoftext|>',
        'unk_token': '<unk>',
        'additional_special_tokens': [name for name in _SPECIAL_NAMES if name != '<|turn_eos|>'],
        'clean_up_tokenization_spaces': False,
        'model_max_length': 4096,
        'bad_token_ids': [],
    }
    (folder / 'tokenizer_config.json').write_text(json.dumps(config, indent=2) + '\n')


if __name__ == '__main__':
    write_tokenizer(Path(__file__).parents[2] / 'model' / 'nano')
