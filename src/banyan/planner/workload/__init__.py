"""What a planner file says: its sections as typed values, and its reader, whose errors name the line."""
