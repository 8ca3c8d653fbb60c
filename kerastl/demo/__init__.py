"""Data for `kerastl demo`: drawn street scenes, scikit-learn's digits and synthesized speech."""
