"""Where a command works and who signs: settings and passwords."""

from tests.support.one_command import run

__all__ = ["run"]  # a fixture


def test_the_settings_come_from_the_environment_or_the_options(run, monkeypatch):
    monkeypatch.setenv("SALUS_RPC", "http://one")
    monkeypatch.setenv("SALUS_BOOK", "book.json")
    monkeypatch.setenv("SALUS_KEYSTORE", "k.json")
    seen = []
    run(lambda context: seen.append((context.rpc, context.book, context.keystore)))
    run(lambda context: seen.append((context.rpc, context.book, context.keystore)), "--rpc", "http://two")
    assert seen == [("http://one", "book.json", "k.json"), ("http://two", "book.json", "k.json")]


def test_the_password_is_from_the_file_before_the_environment(run, monkeypatch, tmp_path):
    file = tmp_path / "pw"
    file.write_text("from the file\n")
    file.chmod(0o600)
    monkeypatch.setenv("SALUS_PASSWORD", "from the environment")
    seen = []
    run(lambda context: seen.append(context.password("it")))
    run(lambda context: seen.append(context.password("it")), "--password-file", str(file))
    assert seen == ["from the environment", "from the file"]


def test_without_a_terminal_the_password_must_come_from_somewhere(run):
    result = run(lambda context: context.password("it"))
    assert result.exit_code == 2
    assert result.stderr == (
        "error: the password of it is needed: use --password-file, or SALUS_PASSWORD, or a terminal\n"
    )
