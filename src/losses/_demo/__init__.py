"""The demonstration behind ``python -m losses``: softmax regression on Fisher's iris."""
