"""What workers count, and the sums of all processes in the broker.

May import nothing of Autotag but the tables.
"""
