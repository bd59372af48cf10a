"""Behind a leader with a recorded speed: an automated vehicle and a platoon of human drivers."""
