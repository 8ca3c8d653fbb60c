"""Features of a frozen backbone: looked up, computed, kept."""
