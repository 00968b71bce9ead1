"""Contents of files: who may bring and fetch them, over connections of their own."""
