"""Recipes as text for people: summary, reference."""
