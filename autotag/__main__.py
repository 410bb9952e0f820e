"""`python -m autotag` is the `autotag` command."""

from autotag.cli import main

main()
