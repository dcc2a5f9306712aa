"""Manifests of earlier format versions, brought to the names of the present one."""

from __future__ import annotations

from typing import Any

_METRICS = {
    "top5": "precision_at_5",
    "top5_low": "precision_at_5_low",
    "top5_high": "precision_at_5_high",
}


def upgraded(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of any supported version under the names of the present version.

    Up to version 2, digests did not cover the network's file. Version 1 called the precision at 5
    ``top5``. What it called the fields of descriptors and the
    parameters and arrays of hashers is known to `DescriptorSpec.from_dict` and
    `Hasher.from_state`.
    """
    if manifest["format_version"] > 2:
        return manifest
    manifest = manifest | {"network_in_digest": False}
    if manifest["format_version"] > 1:
        return manifest
    metrics = manifest.get("metrics", {})
    if not isinstance(metrics, dict):
        return manifest
    return manifest | {"metrics": {_METRICS.get(name, name): v for name, v in metrics.items()}}
