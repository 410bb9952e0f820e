"""Providers: an image in, predictions out. They know no Flask, no database and no virtual instance."""
