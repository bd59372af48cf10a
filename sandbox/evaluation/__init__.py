"""Plays agents on seeds and makes one table of their episodes."""
