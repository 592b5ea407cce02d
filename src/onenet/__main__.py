"""`python -m onenet`: the `onenet` script, also where it is not on the path."""

from onenet.cli import main

main()
