"""Audio: decoding, windows, blocks of long recordings."""
