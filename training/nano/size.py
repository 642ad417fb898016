# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How large nano is."""

from minicpmo.config import AudioConfig, LanguageConfig, ModelConfig, SlicingConfig, VisionConfig

NANO = ModelConfig(
    llm=LanguageConfig(
        vocab_size=512,
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        rope_theta=10000.0,
        max_position_embeddings=8192,
    ),
    vision=VisionConfig(
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        image_size=294,
    ),
    audio=AudioConfig(
        d_model=192,
        encoder_layers=6,
        encoder_attention_heads=3,
        encoder_ffn_dim=768,
        max_source_positions=256,
    ),
    slicing=SlicingConfig(scale_resolution=224),
    query_num=8,
    drop_vision_last_layer=False,
)
"""All sizes; the vocabulary is replaced by the tokenizer's when the model is built."""
