"""Turn text into ids and back."""
