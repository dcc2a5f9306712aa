"""PyTorch parts that the deep hashers share: loss terms and the mini-batch loop (extra ``train``).

Nothing here is imported before a deep hasher is fitted. Without PyTorch, importing it is a
`hashlens.errors.MissingExtraError` that says how to install it.
"""

from importlib.util import find_spec

from hashlens.errors import MissingExtraError

if find_spec("torch") is None:
    raise MissingExtraError("Fitting a deep hasher", "torch", "train")
