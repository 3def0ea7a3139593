"""Check learners' answers and name the mistake in one line."""

from minigpt.course.exercises.verdict import Verdict, check, exercise_names, working

__all__ = ["Verdict", "check", "exercise_names", "working"]
