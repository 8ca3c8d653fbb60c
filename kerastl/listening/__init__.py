"""Detecting words in long recordings with a model of short audio clips."""
