"""Checks of a table and its files before training."""
