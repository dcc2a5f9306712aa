"""From a labeled data set to a trained model."""

from hashlens.training.fitting import fit_split, train_model

__all__ = ["fit_split", "train_model"]
