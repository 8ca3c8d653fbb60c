"""The feature cache: what a frozen backbone said of a file, kept for every later run."""
