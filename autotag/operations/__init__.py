"""What an operator sees: what waits, what failed, who is alive, how quickly the work goes.

May import tagging and everything below it; only pages and commands import it.
"""
