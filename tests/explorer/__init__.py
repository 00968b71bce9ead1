"""Pairs of requests in every order of their awaits and transactions, against a model of who may what."""
