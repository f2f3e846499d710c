"""Losses over classes or features: one file for each."""
