"""Losses entry by entry: one file for each."""
