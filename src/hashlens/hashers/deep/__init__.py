"""PyTorch parts that the deep hashers share: loss terms and the mini-batch loop (extra ``train``).

Nothing here is imported before a deep hasher is fitted.
"""
