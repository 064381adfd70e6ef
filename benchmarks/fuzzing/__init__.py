"""Hostile and damaged input for every reader and every text entry."""
