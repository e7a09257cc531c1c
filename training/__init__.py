"""Catalogue and judgments in, a refined encoder checkpoint and its reports out (offline)."""
