"""Answers pip's questions about the source package of python.txt in place of setuptools, which would run its code."""
