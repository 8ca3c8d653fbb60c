"""Generated pictures with known answers, and the pretraining of `tiny:image` on them.

Convention: picture `index` of seed `seed` depends on nothing else, so any part can be drawn alone.
"""
