"""Heads: named sigmoid outputs on a backbone, each for one or more tasks."""
