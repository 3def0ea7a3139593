"""A GPT small enough to read in one sitting and to train on a laptop."""

__version__ = "1.0.0"
