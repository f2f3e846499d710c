"""Connectionist temporal classification: losses of label sequences without an alignment."""
