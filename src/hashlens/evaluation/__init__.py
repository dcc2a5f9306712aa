"""Metrics that no tie can fool, protocols, baselines and figures about codes."""

from hashlens.evaluation.average_precision import (
    average_precision,
    average_precision_at_k_over_found,
    average_precision_at_k_over_reachable,
    average_precision_at_k_over_relevant,
)
from hashlens.evaluation.baselines import LinearClassifier, class_code_bits, class_codes
from hashlens.evaluation.code_statistics import (
    CodeStatistics,
    code_statistics,
    linear_reconstruction_error,
    quantisation_error,
)
from hashlens.evaluation.histograms import DistanceHistograms, hamming_histograms
from hashlens.evaluation.precision import (
    RadiusCurves,
    TiedScores,
    precision_at_k,
    precision_within_radius,
    radius_curves,
    recall_at_k,
)
from hashlens.evaluation.protocols import PROTOCOLS, Split, make_split, selection_split
from hashlens.evaluation.real_distances import evaluate_spherical, evaluate_vectors
from hashlens.evaluation.reranking import Reranked, SearchSide, evaluate_reranked
from hashlens.evaluation.retrieval import Evaluation, evaluate_codes, evaluate_histograms

__all__ = [
    "PROTOCOLS",
    "CodeStatistics",
    "DistanceHistograms",
    "Evaluation",
    "LinearClassifier",
    "RadiusCurves",
    "Reranked",
    "SearchSide",
    "Split",
    "TiedScores",
    "average_precision",
    "average_precision_at_k_over_found",
    "average_precision_at_k_over_reachable",
    "average_precision_at_k_over_relevant",
    "class_code_bits",
    "class_codes",
    "code_statistics",
    "evaluate_codes",
    "evaluate_histograms",
    "evaluate_reranked",
    "evaluate_spherical",
    "evaluate_vectors",
    "hamming_histograms",
    "linear_reconstruction_error",
    "make_split",
    "precision_at_k",
    "precision_within_radius",
    "quantisation_error",
    "radius_curves",
    "recall_at_k",
    "selection_split",
]
