"""Importers of labels: commands of `kerastl data` that make tables from files of other tools."""
