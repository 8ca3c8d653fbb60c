"""Inputs of a model: files decoded in parts, and batches of them."""
