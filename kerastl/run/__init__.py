"""Runs: the folder with everything of one training, its record, and prediction with it."""
