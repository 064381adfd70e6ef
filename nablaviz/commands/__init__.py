"""The subcommands of ``nablaviz``, one module each; the module's name is the command's.

A command is a module here with

- a docstring: its first line is the short help, the whole the long one;
- ``add_arguments(parser)``, which declares its arguments;
- ``run(args)``, which calls the package, prints its result to stdout and its progress to stderr, and
  returns the exit status (``None`` is 0). An expected failure is an exception (``DataError``,
  ``ValueError``, ``OSError``): :func:`nablaviz.cli.main` makes one line of it.

Adding the file adds the command; importing it must stay cheap.
"""
