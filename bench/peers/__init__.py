"""The servers that bench/compare measures: how each is set up, started and stopped."""
