"""Virtual instances: which one a host name means, the wall between them, and their people."""
