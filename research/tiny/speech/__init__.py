"""Synthesized speech with known answers, and the pretraining of `tiny:speech` on it.

Convention: draw `number` of a word depends on the seed, the word and `number` alone.
"""
