"""Heads: named sigmoid outputs on a backbone, each answering one or more tasks."""
