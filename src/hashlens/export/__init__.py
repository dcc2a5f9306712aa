"""Taking codes and models elsewhere: ONNX for the model, Parquet and FAISS for a collection."""

from hashlens.export.collection import export_faiss, export_parquet
from hashlens.export.model import BIT_ORDER, export_model
from hashlens.export.quantise import QuantisationReport, export_int8_model

__all__ = [
    "BIT_ORDER",
    "QuantisationReport",
    "export_faiss",
    "export_int8_model",
    "export_model",
    "export_parquet",
]
