"""A command of one's own, to see what every command does."""

import pytest
from click.testing import CliRunner

from salus.cli.options import command, group


@pytest.fixture
def run():
    """Run one command whose body is given."""

    def run(body, *words):
        @group("noun")
        def noun():
            """A noun."""

        command(noun, "verb")(body)
        return CliRunner().invoke(noun, ["verb", *words])

    return run
