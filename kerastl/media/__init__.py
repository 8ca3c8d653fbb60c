"""Kinds of input: what an image and an audio clip are, and how a file becomes an array."""
