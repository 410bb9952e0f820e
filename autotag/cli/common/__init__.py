"""What commands share: options, database, progress, failures in one line.

May import what commands may.
"""
