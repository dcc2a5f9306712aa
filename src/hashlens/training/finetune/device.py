"""The device on which a network is tuned."""

from __future__ import annotations

import torch

from hashlens.errors import ParameterError


def choose_device(name: str | None) -> torch.device:
    """Return the device of a name; by default CUDA, else MPS, else the CPU.

    Raises
    ------
    ParameterError
        If there is no such device here.
    """
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ParameterError(
            f"The device {name!r} is not available here. Expected cpu, cuda, cuda:N or mps; by "
            "default the best available one is used."
        ) from None
    return device
