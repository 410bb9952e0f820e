"""Telling servers of other people what happened: registry, outbox, sender, deliveries.

May import configuration, instances, outbound_http and the tables; tagging writes to the outbox.
"""
