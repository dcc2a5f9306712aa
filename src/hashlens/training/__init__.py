"""From a labelled data set to a model directory, and from both to honest figures."""

from hashlens.training.evaluate import Search, evaluate_encoder, evaluate_search, protocol_search
from hashlens.training.train import DescribedDataset, describe_dataset, train_encoder

__all__ = [
    "DescribedDataset",
    "Search",
    "describe_dataset",
    "evaluate_encoder",
    "evaluate_search",
    "protocol_search",
    "train_encoder",
]
