"""The pretraining of the backbones `tiny:image` and `tiny:speech`."""
