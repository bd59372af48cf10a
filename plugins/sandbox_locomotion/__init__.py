"""Robot locomotion on MuJoCo."""
