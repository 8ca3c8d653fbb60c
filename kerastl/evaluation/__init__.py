"""Evaluation: honest figures on the labels that are known."""
