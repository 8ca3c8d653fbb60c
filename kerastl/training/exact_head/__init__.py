"""The exact head: linear heads solved to their optimum."""
