# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from safetensors.torch import save_file
import soundfile
import torch

from minicpmo.speech import sound_file
from minicpmo.speech.voice import Voice


@pytest.fixture
def files(recorded, prompt, codes, tmp_path):
    assets = tmp_path / 'token2wav'
    assets.mkdir()
    for name in ('flow', 'hift'):
        tensors = recorded.tensors(f'token2wav_{name}.safetensors')
        save_file(tensors, assets / f'{name}.safetensors')
    (assets / 'sizes.json').write_text(json.dumps(recorded.config['token2wav']))
    Voice(prompt, torch.zeros(32000)).save(tmp_path / 'voice.safetensors')
    (tmp_path / 'codes.txt').write_text(' '.join(map(str, codes(60))))
    return tmp_path


def run(files, codes='codes.txt'):
    out = files / 'out.wav'
    options = ['--assets', str(files / 'token2wav'), '--voice', str(files / 'voice.safetensors')]
    sound_file.main([str(files / codes), str(out), *options])
    return soundfile.read(str(out))


def test_codes_become_sound(files, capsys):
    samples, rate = run(files)
    assert rate == 24000
    # 60 codes at 25 per second, after three codes of silence and the lead of the first call.
    assert len(samples) == (60 + 3) * 960 + 3840
    assert abs(samples).max() > 0.01
    assert '2.68 s' in capsys.readouterr().out


@pytest.mark.parametrize('content', ['one two', '1 2 99999', '1.5'])
def test_bad_codes_end_with_a_message(files, capsys, content):
    (files / 'bad.txt').write_text(content)
    with pytest.raises(SystemExit) as caught:
        run(files, 'bad.txt')
    assert caught.value.code == 1
    assert 'code' in capsys.readouterr().err
