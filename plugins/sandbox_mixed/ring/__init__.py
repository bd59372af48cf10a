"""The ring road of Wu et al. 2017: a stop-and-go wave, and vehicles that dissolve it."""
