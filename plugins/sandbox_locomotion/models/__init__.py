"""MuJoCo models of the robots: MJCF, terrain, randomised physics, and what is read off a compiled model."""
