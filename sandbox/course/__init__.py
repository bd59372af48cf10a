"""Courses: claims about learning, each with a bound fixed beforehand and a switch that must break it."""
