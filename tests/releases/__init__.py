"""Databases as released versions left them, and the test that this version takes each of them over.

A folder for each release: `lanchat.sqlite3.gz`, `mysql.sql.gz` and `rows.json.gz`, what both hold. `make.py` writes
them with the version that is checked out.
"""
