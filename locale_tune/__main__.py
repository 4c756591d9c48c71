"""`python -m locale_tune` is `locale-tune`."""

from locale_tune.cli import main

if __name__ == "__main__":
    main()
