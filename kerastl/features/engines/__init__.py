"""Engines: whatever can pass inputs through a frozen network, Keras being the reference."""
