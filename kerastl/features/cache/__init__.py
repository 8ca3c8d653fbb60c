"""The feature cache on disk: features of frozen backbones, converted networks, file hashes."""
