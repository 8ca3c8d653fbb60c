"""The base class of all settings, the types of their fields, and readable errors about them."""

from kerastl.settings.fields import (
    Cells,
    Count,
    FilePath,
    Files,
    Fraction,
    FractionOrAll,
    Listed,
    Positive,
    Problems,
    Seed,
    Sides,
    SomeTexts,
    Text,
    Texts,
    choice,
    refuse,
    shape,
    tag_by_key,
)
from kerastl.settings.problems import KeyPath, Problem
from kerastl.settings.section import Section, with_fields
