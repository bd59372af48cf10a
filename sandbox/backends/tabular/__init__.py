"""Value functions in tables: the two ideas exactly (`planning`), and learned (`temporal_difference`)."""
