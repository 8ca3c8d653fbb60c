"""Serving of runs over HTTP, with the answers that `kerastl predict` gives."""
