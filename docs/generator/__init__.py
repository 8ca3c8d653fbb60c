"""Pages of the reference, one module each; every one has `page()`, which returns Markdown."""
