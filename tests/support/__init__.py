"""What the tests are made with: installations, clients, pictures and services to talk to."""
