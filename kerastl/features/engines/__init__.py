"""Engines: programs that run a frozen network; Keras is the reference."""
