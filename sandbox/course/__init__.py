"""Courses: claims about learning, each with a bound fixed beforehand and a switch under which it must fail."""
