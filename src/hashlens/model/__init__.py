"""The model directory: descriptor and hasher, what they measured, and what distances mean."""

from hashlens.model.calibration_file import ModelCalibration
from hashlens.model.loading import load_model
from hashlens.model.model import Model

__all__ = ["Model", "ModelCalibration", "load_model"]
