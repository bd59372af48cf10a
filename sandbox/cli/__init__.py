"""The command line: one thin file a command; see `sandbox.cli.main`."""
