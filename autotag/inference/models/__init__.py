"""What a model is: description, catalogue, labels, metadata, normalisation.

May import `errors` of inference.
"""
