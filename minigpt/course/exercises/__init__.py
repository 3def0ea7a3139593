"""Give learners' answers an instant verdict that names the mistake that was made."""

from minigpt.course.exercises.verdict import Verdict, check, exercise_names

__all__ = ["Verdict", "check", "exercise_names"]
