"""Mixed precision: who multiplies in bfloat16, and what it does to gradients."""

import copy

import pytest

torch = pytest.importorskip("torch")

from hashlens.training.finetune import mixed_precision as precision
from hashlens.training.finetune.mixed_precision import mixed_precision

CPU = torch.device("cpu")


@pytest.fixture
def block():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(6, 12, 1),
        torch.nn.BatchNorm2d(12),
        torch.nn.Conv2d(12, 12, 3, padding=1, groups=12),
        torch.nn.BatchNorm2d(12),
        torch.nn.Conv2d(12, 8, 1),
    )


@pytest.fixture(params=[True, False], ids=["bfloat16", "float32"])
def is_fast(request, monkeypatch):
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda device: request.param)
    return request.param


def computed_types(network):
    """Return the type of what each convolution computes, inside of the block."""
    seen = []
    hooks = [
        layer.register_forward_hook(lambda layer, inputs, out: seen.append(out.dtype))
        for layer in network
        if isinstance(layer, torch.nn.Conv2d)
    ]
    with mixed_precision(network, CPU):
        network(torch.randn(4, 6, 5, 5))
    for hook in hooks:
        hook.remove()
    return seen


def test_only_fast_devices_compute_in_bfloat16(block, is_fast):
    assert computed_types(block) == [torch.bfloat16 if is_fast else torch.float32] * 3


def test_a_depthwise_convolution_multiplies_in_float32(block, is_fast, monkeypatch):
    multiplied = []
    convolve = torch.nn.functional.conv2d

    def watch(x, weight, *rest):
        multiplied.append((len(x[0]), x.dtype, torch.is_autocast_enabled("cpu")))
        return convolve(x, weight, *rest)

    monkeypatch.setattr(torch.nn.functional, "conv2d", watch)
    computed_types(block)
    assert [inside for _, _, inside in multiplied] == [is_fast, False, is_fast]
    assert multiplied[1][:2] == (12, torch.float32)


def test_nothing_of_it_stays(block, is_fast):
    x = torch.randn(4, 6, 5, 5)
    block.eval()
    before = block(x)
    with pytest.raises(ZeroDivisionError), mixed_precision(block, CPU):
        raise ZeroDivisionError
    assert torch.equal(block(x), before)
    assert not any("forward" in vars(layer) for layer in block)


def test_gradients_are_those_of_single_precision_but_for_rounding(block, monkeypatch):
    x = torch.randn(64, 6, 5, 5)
    target = torch.randn(64, 8, 5, 5)
    gradients = []
    for fast in (True, False):
        monkeypatch.setattr(precision, "multiplies_bfloat16", lambda device, fast=fast: fast)
        network = copy.deepcopy(block)
        with mixed_precision(network, CPU):
            out = network(x)
        (out.float() - target).square().mean().backward()
        assert all(p.grad.dtype == torch.float32 for p in network.parameters())
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    cosine = torch.nn.functional.cosine_similarity(*gradients, dim=0)
    assert 0.999 < cosine < 1


def test_what_the_cpu_says_decides(monkeypatch):
    for has, expected in (({"avx512_bf16": True}, True), ({"avx2": True}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda has=has: has, raising=False)
        assert precision.multiplies_bfloat16(CPU) is expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert precision.multiplies_bfloat16(CPU) is False
