"""The vocabulary: words that people search for, and how a model's classes lead to them. Pure functions and data."""
