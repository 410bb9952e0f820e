"""Image in, predictions out: the models, and the process in which untrusted images are decoded.

It knows no Flask, no database and no virtual instance. Importing this package, `process`, `model`, `catalogue`,
`store`, `inventory`, `installation`, `importing` or `errors` loads neither numpy nor Pillow nor the TFLite
runtime.
"""
