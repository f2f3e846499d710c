"""Activations: arrays to arrays."""
