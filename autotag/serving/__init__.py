"""Running the parts: web server, workers, scheduler, embedded broker, and what keeps them all up."""
