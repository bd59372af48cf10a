"""The documentation is up to date, its links lead somewhere, and its examples run."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.scenarios.resolve import load_scenario

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"])
SCENARIOS = sorted(file for file in (ROOT / "scenarios").glob("*/*.yaml") if file.parent.name != "suites")

FENCE = re.compile(r"^(`{3,})(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
TESTABLE = re.compile(r"<!-- testable -->\n```(\w+)\n(.*?)```", re.DOTALL)
CODE_NAME = re.compile(r"`{1,2}((?:sandbox|sandbox_[a-z]+|benchmarks)(?:\.\w+)+)[:(`]")
TREES = ("sandbox", "plugins", "benchmarks", "sandbox_course")
ENTRY_POINT_GROUPS = {f"sandbox.{kind}" for kind in ("domains", "algorithms", "extensions", "claims")}
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")

TWO_COMMANDS = (
    'python3 -m venv .venv && . .venv/bin/activate && pip install -c constraints.txt -e ".[all]"'
    " && sandbox run traffic --algo ppo",
    'python3 -m venv .venv && . .venv/bin/activate && pip install -c constraints.txt -e ".[all,dev]"'
    " && pytest",
)


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def anchors(page):
    """Anchors of a page's headings, as Python-Markdown makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def run(command, folder, timeout=120, **variables):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    path = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment, "PATH": path},
        shell=isinstance(command, str),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_generated_reference_is_up_to_date():
    run([sys.executable, "-m", "docs.generate", "--check"], ROOT)


def test_the_check_fails_where_a_page_is_stale(monkeypatch, tmp_path, capsys):
    from docs import generate

    monkeypatch.setattr(generate, "PAGES", tmp_path)
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    page = tmp_path / "errors.md"
    page.write_text("# Errors\n\n<!-- generated: errors -->\nold\n<!-- end -->\n\nProse stays.\n")
    assert generate.main(["--check"]) == 1
    assert "errors.md" in capsys.readouterr().err
    assert "old" in page.read_text()
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    assert "`unknown-name` | 2" in page.read_text()
    assert page.read_text().endswith("Prose stays.\n")


@pytest.mark.parametrize("command", TWO_COMMANDS)
def test_the_readme_gives_each_of_the_two_commands_in_a_block_of_its_own(command):
    blocks = [content.strip() for _, _, _, content in FENCE.findall((ROOT / "README.md").read_text())]
    assert blocks.count(command) == 1


def test_continuous_integration_finds_the_test_command():
    marked = re.search(
        r"<!-- test command -->\n(.*?)<!-- end -->", (ROOT / "README.md").read_text(), re.DOTALL
    )
    lines = [line for line in marked[1].splitlines() if line.startswith("python3 -m venv")]
    assert lines == [TWO_COMMANDS[1]]


def names_of_code():
    """Dotted names of the code in the documentation and in docstrings, and a file where each stands."""
    sources = [source for tree in TREES for source in (ROOT / tree).rglob("*.py")]
    names = {}
    for file in [*PAGES, *(ROOT / "plugins").rglob("*.md"), *sources]:
        if file.name != "CHANGELOG.md":  # names what has gone, too
            for name in CODE_NAME.findall(file.read_text()):
                names.setdefault(name, str(file.relative_to(ROOT)))
    return names


def is_there(name):
    """Whether a dotted name is that of a module, or of something in one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            if part in {*getattr(found, "__annotations__", {}), *getattr(found, "model_fields", {})}:
                return True
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_names_of_code_in_the_documentation_and_in_docstrings_exist():
    names = {name: file for name, file in names_of_code().items() if name not in ENTRY_POINT_GROUPS}
    assert len(names) > 100
    assert {name: file for name, file in names.items() if not is_there(name)} == {}


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_lines_of_the_first_pages_can_be_skimmed_and_compared(page):
    lines = (ROOT / page).read_text().splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > 200] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_documentation_lead_somewhere(page):
    for link in LINK.findall(without_code(page.read_text())):
        if link.startswith(("http:", "https:", "mailto:")) or link == "docs/images/result.png":
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{link}: no such heading; there are {sorted(anchors(target))}"


def test_every_page_is_in_the_navigation_and_only_pages_that_exist():
    listed = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    assert listed == {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}


def test_every_name_of_the_python_api_and_every_command_is_described():
    import sandbox

    api = (DOCS / "reference" / "api.md").read_text()
    for name in sandbox.__all__:
        assert name == "__version__" or f"### sandbox.{name}\n" in api
    from sandbox.cli.main import app

    described = (DOCS / "reference" / "cli.md").read_text()
    groups = [(f"{group.name} ", group.typer_instance) for group in app.registered_groups]
    for above, commands in [("", app), *groups]:
        for command in commands.registered_commands:
            assert f"## sandbox {above}{command.name}\n" in described


def test_what_authors_import_is_described_with_its_properties():
    from sandbox import api

    page = (DOCS / "reference" / "api.md").read_text()
    for name in api.__all__:
        exported = getattr(api, name)
        if not isinstance(exported, type) or hasattr(exported, "model_fields") or name.endswith("Error"):
            continue
        section = page.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
        properties = [key for key, member in vars(exported).items() if isinstance(member, property)]
        for key in properties:
            assert key.startswith("_") or f"- `{key}`:" in section, f"{name}.{key} is missing"


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_scenario_file_is_valid_listed_and_described(file):
    import sandbox

    name = f"{file.parent.name}/{file.stem}"
    assert load_scenario(str(file)).spec.id == name
    assert name in {scenario["id"] for scenario in sandbox.list_scenarios()}
    assert f"## {name}\n" in (DOCS / "reference" / "scenarios.md").read_text()


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """A folder with every file that the pages tell the reader to write."""
    folder = tmp_path_factory.mktemp("examples")
    for page in DOCS.rglob("*.md"):
        for _, _, title, content in FENCE.findall(page.read_text()):
            if title:
                (folder / title).parent.mkdir(parents=True, exist_ok=True)
                (folder / title).write_text(content)
    return folder


WITH_EXAMPLES = [page for page in sorted(DOCS.rglob("*.md")) if "<!-- testable -->" in page.read_text()]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run_in_order(page, examples):
    blocks = TESTABLE.findall(page.read_text())
    assert len(blocks) == page.read_text().count("<!-- testable -->")
    for language, content in blocks:
        if language == "sh":
            for command in content.strip().splitlines():
                run(command, examples)
    script = "\n".join(content for language, content in blocks if language == "python")
    if script:
        run([sys.executable, "-c", script], examples)


def test_every_block_of_the_how_to_for_plugin_authors_is_run():
    page = (DOCS / "how-to" / "write-a-plugin.md").read_text()
    written = [title for _, _, title, _ in FENCE.findall(page) if title]
    assert len(FENCE.findall(page)) == len(written) + len(TESTABLE.findall(page))
    assert len(TESTABLE.findall(page)) >= 2
    assert all(title.startswith("sandbox-thermostat/") for title in written)


def test_the_tutorial_shows_what_the_plugin_promises(examples):
    shown = run("sandbox info tank --plugin tank/plugin.py", examples)
    for promised in ("night-filling", "shortage", "no-shortage", "€/kWh", "tank/tower"):
        assert promised in shown


@pytest.mark.parametrize("mistake", ["--set config.capacity=-1", "--reward shortag=1"])
def test_the_mistakes_that_the_tutorial_suggests_get_a_sentence(mistake, examples):
    command = f"sandbox info tank --plugin tank/plugin.py {mistake}"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command,
        shell=True,
        cwd=examples,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_the_first_page_names_every_domain_and_the_menu_has_every_page():
    from sandbox.registry.discover import registry

    index = (DOCS / "index.md").read_text()
    known = registry().domains  # others may be installed beside it for a while, by tests of third parties
    shipped = [name for name in known.names() if known.source(name).distribution == "sandbox-rl"]
    for name in shipped:
        assert f"`{name}`" in index, name
    menu = (DOCS.parent / "mkdocs.yml").read_text()
    in_menu = set(re.findall(r"[:-] ([\w/.-]+\.(?:md|ipynb))$", menu, flags=re.MULTILINE))
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert pages - in_menu == set()
