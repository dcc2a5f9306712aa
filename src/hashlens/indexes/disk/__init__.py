"""Indexes saved to files."""
