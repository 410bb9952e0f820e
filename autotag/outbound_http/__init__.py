"""The one guarded way out: requests to addresses that people entered, checked when they are sent.

May import nothing of Autotag. Providers and webhooks translate its errors.
"""
