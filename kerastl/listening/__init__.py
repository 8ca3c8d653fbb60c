"""A run of short sounds applied to long ones: the window slides, words are detected, and scored."""
