"""Generated images with known answers, and the pretraining of `tiny:image` on them.

Convention: image `index` of seed `seed` depends on nothing else, so any part can be drawn alone.
"""
