"""Denoising as a decision process: training a diffusion model by reward; start at `core`."""
