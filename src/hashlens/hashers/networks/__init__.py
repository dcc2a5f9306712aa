"""PyTorch parts of the deep hashers: networks, loss terms and the training loop.

Only ``fit`` imports them, after `hashlens.hashers.parameters.check_torch`.
"""
