"""From a labeled data set to a trained model."""

from hashlens.training.train import train_model

__all__ = ["train_model"]
