"""Rates and quotas: who may do how much."""
