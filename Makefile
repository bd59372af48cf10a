.PHONY: setup check test test-slow docs bench kill

setup:  ## install everything into .venv
	python3 -m venv .venv && . .venv/bin/activate && pip install -c constraints.txt -e ".[all,dev]" && pre-commit install

check:  ## everything that looks at the code without running it
	ruff check . && ruff format --check . && mypy && lint-imports && codespell

test:  ## the suite that CI runs
	pytest

test-slow:  ## slow and learning tests too; an hour or more
	pytest -m "slow or learning"

docs:  ## the documentation site, in site/
	python -m docs.generate && zensical build --strict --clean

bench:  ## side-by-side speed runs
	python -m benchmarks.startup && python -m benchmarks.overhead && python -m benchmarks.checkpoints && python -m benchmarks.compare overhead

kill:  ## kills runs a hundred times and counts what is lost; half an hour
	python -m benchmarks.kill --times 100
