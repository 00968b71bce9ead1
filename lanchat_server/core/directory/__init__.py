"""Users, devices, rooms and members in memory, and what is derived from them: statements, differences."""
