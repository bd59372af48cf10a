"""Chip macro placement: netlists, costs, environments and classical placers."""
