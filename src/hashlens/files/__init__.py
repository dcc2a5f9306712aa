"""Files on disk: atomic replacement, versioned JSON, append-only records."""
