"""How providers fare: circuit breaker, process breaker, quota of paid calls, connection test.

May import `policy` and `errors` of tagging, and everything below tagging.
"""
