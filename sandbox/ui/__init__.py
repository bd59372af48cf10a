"""A local web page over a runs directory: reads, never writes."""
