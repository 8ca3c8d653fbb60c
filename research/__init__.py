"""Scripts that made what kerastl ships; not part of an installed package."""
