"""Data for `kerastl demo`: drawn street scenes and scikit-learn's digits, as tables with gaps."""
