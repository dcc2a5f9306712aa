"""Metrics that are exact under ties, baselines, and statistics of codes."""

from hashlens.evaluation.average_precision import (
    average_precision,
    average_precision_at_k_over_found,
    average_precision_at_k_over_reachable,
    average_precision_at_k_over_relevant,
)
from hashlens.evaluation.code_statistics import (
    CodeStatistics,
    code_statistics,
    linear_reconstruction_error,
    quantization_error,
)
from hashlens.evaluation.histograms import DistanceHistograms, hamming_histograms
from hashlens.evaluation.linear_classifier import LinearClassifier, class_code_bits, class_codes
from hashlens.evaluation.precision import (
    RadiusCurves,
    TiedScores,
    precision_at_k,
    precision_within_radius,
    radius_curves,
    recall_at_k,
)
from hashlens.evaluation.real_distances import evaluate_spherical, evaluate_vectors
from hashlens.evaluation.retrieval import Evaluation, evaluate_codes, evaluate_histograms

__all__ = [
    "CodeStatistics",
    "DistanceHistograms",
    "Evaluation",
    "LinearClassifier",
    "RadiusCurves",
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
    "evaluate_spherical",
    "evaluate_vectors",
    "hamming_histograms",
    "linear_reconstruction_error",
    "precision_at_k",
    "precision_within_radius",
    "quantization_error",
    "radius_curves",
    "recall_at_k",
]
