"""The run: the folder that holds all of one training, and what can be done with it."""
