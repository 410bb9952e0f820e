"""How files come in: limits, quota, idempotency keys, duplicates, versions.

May import `library` and `storage`.
"""
