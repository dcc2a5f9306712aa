"""The hashing methods, one paper per file; `hashlens.hashers.registry` imports them on demand."""
