"""Models and codes for other tools: ONNX for a model, Parquet and FAISS for a collection."""

from hashlens.export.code_tables import export_faiss, export_parquet
from hashlens.export.onnx_model import BIT_ORDER, export_model
from hashlens.export.outputs import Exported, export
from hashlens.export.quantization import QuantizationReport, export_int8_model

__all__ = [
    "BIT_ORDER",
    "Exported",
    "QuantizationReport",
    "export",
    "export_faiss",
    "export_int8_model",
    "export_model",
    "export_parquet",
]
