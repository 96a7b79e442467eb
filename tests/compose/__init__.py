"""The whole system in containers, under a project name and on ports of its own: `make test-compose`."""
