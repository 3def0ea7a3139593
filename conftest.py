"""Load what every run of pytest needs, even a run of one notebook alone."""

pytest_plugins = ["guard"]
