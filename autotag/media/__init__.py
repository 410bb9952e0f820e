"""Documents and Media: uploads in, renditions out."""
