"""Run the command line: python -m certpush."""

from certpush.cli.main import main

if __name__ == "__main__":
    main()
