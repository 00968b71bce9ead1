"""Work beside the serving: cleaning up, indexing, looking after disk and lease."""
