"""PyTorch as a contender: it is handed data, takes turns, and finds the same captions."""

from pathlib import Path

import numpy as np
import pytest

from eval.benchmark_decode import RandomDecoder, decode_image_by_image
from eval.torch_peer import TorchPeer

PYTHON = Path(__file__).parents[2] / ".venv-torch" / "bin" / "python"
RULES = {"beam_width": 3, "max_steps": 9}


def test_without_an_interpreter_there_is_no_peer():
    with TorchPeer.started(None) as peer:
        assert peer is None


def test_one_that_cannot_start_is_one_line():
    with (
        TorchPeer.started("/bin/false") as peer,
        pytest.raises(ValueError, match=r"`torch` must be .*ended with status 1"),
    ):
        peer.run("nn.LSTM", 1)


@pytest.mark.large
@pytest.mark.skipif(not PYTHON.exists(), reason="needs PyTorch: make benchmark-torch")
def test_its_beam_finds_the_captions_of_the_image_by_image_loop():
    decoder, lengths = RandomDecoder(vocab_size=40, num_cells=16), np.int32([1, 2, 5, 8, 100, 100])
    with TorchPeer.started(str(PYTHON)) as peer:
        hidden = decoder.initial_state(len(lengths))[0].numpy()
        names = ("all steps", "lengths of captions")
        given = {**RULES, **dict.fromkeys(names, lengths), **decoder.weights()}
        peer.prepare("decode", hidden=hidden, **given)
        for width in (1, 3):
            answer = peer.run(f"all steps {width}", len(lengths))
            rules = {**RULES, "beam_width": width}
            expected = decode_image_by_image(decoder, lengths, **rules)
            np.testing.assert_array_equal(answer["ids"], expected)
            assert answer["cpu"] >= 0
