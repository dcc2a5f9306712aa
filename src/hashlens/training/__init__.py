"""From a labelled data set to a model directory, and from both to honest figures."""

from hashlens.training.train import (
    DescribedDataset,
    describe_dataset,
    evaluate_encoder,
    train_encoder,
)

__all__ = ["DescribedDataset", "describe_dataset", "evaluate_encoder", "train_encoder"]
