"""Mixed autonomy: a few automated vehicles among human drivers, on a ring, behind a leader, and on SUMO."""
