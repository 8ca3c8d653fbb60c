"""The cache on disk: features of frozen backbones, converted networks, models, file hashes."""
