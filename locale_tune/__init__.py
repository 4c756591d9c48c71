"""locale-tune: install a language, build a model that speaks it."""

__version__ = "0.1.0"
