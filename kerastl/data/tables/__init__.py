"""The table of examples: cells, labels, groups and splits."""
