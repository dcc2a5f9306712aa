"""Linear algebra and small models that several hashing methods share."""
