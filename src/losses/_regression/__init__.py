"""Regression losses: predictions and targets to losses."""
