"""What exists for the lessons: exercises, figures, panels, and faults to find."""
