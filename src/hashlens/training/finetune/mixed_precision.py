"""Mixed precision on devices that multiply faster in bfloat16 than in float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType

import torch
from torch import Tensor, nn


@contextmanager
def mixed_precision(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Let a network multiply in bfloat16, which needs no loss scaling, if the device can.

    On a CPU, depthwise convolutions stay in float32, because the gradients of their weights take
    four times as long in bfloat16.

    Parameters
    ----------
    network : nn.Module
        On ``device``. Its weights stay in float32.
    device : torch.device
    """
    if not multiplies_bfloat16(device):
        yield
        return
    depthwise = [m for m in network.modules() if device.type == "cpu" and _is_depthwise(m)]
    for layer in depthwise:
        layer.forward = MethodType(_forward_in_float32, layer)
    try:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            yield
    finally:
        for layer in depthwise:
            del layer.forward


def multiplies_bfloat16(device: torch.device) -> bool:
    """Return whether a device has instructions that multiply in bfloat16."""
    if device.type == "cpu":
        # Before PyTorch had this function, there was no public one to ask.
        has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return bool(has.get("avx512_bf16") or has.get("amx_bf16"))
    return device.type == "mps" or bool(device.type == "cuda" and torch.cuda.is_bf16_supported())


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels


def _forward_in_float32(layer: nn.Module, x: Tensor) -> Tensor:
    """Replace the forward pass of a layer under autocast by one in float32."""
    with torch.autocast(x.device.type, enabled=False):
        out: Tensor = type(layer).forward(layer, x.float())
    return out.to(x.dtype)
