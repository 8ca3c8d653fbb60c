"""Images: decoding, geometry, integrity."""
