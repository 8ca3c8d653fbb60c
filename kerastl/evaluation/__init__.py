"""Evaluation on known labels: scores, intervals, calibration, thresholds and missingness."""
