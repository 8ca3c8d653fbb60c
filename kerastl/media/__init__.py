"""Media types: what an image and an audio clip are, and how a file becomes an array.

Convention: importing this package, `base`, `media_types` and the `kind` of each media type loads no
NumPy, Pillow, soundfile or Keras; what is heavy is imported inside methods.
"""
