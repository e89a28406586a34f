"""`python -m conveyor`: the command line, where no script is on the path."""

from conveyor.cli import main

if __name__ == "__main__":
    main()
