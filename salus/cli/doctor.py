from salus.cli.completion import noun
