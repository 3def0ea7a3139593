"""Run `python -m minigpt` as the console command."""

from minigpt.cli import main

if __name__ == "__main__":
    main()
