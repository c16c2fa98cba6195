"""The command line: the same service, assembled in a process of its own."""
