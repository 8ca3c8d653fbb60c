"""Export of a run: one model file for another runtime, checked against the run."""
