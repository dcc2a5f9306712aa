"""Saved indexes: one checksummed file each, mapped into memory."""
