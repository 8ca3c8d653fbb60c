"""Detections in long recordings: when a word fires, which events that finds, and its scores."""
