"""Taking codes and models elsewhere: ONNX for the model, Parquet and FAISS for a collection."""

from hashlens.export.code_tables import export_faiss, export_parquet
from hashlens.export.onnx_model import BIT_ORDER, export_model
from hashlens.export.quantization import QuantizationReport, export_int8_model

__all__ = [
    "BIT_ORDER",
    "QuantizationReport",
    "export_faiss",
    "export_int8_model",
    "export_model",
    "export_parquet",
]
