"""Play with a model: each move of a slider starts the text anew."""
