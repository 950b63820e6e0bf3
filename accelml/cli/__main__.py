"""``python -m accelml.cli``."""

from accelml.cli import main

if __name__ == "__main__":
    main()
