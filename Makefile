# make run    the main job: centre, web page and three receivers on virtual horns, on http://127.0.0.1:8000
# make demo-data   a year of a district in var/demo-data; ARGS=--show serves its pages
# make test   everything that must hold before a change lands
# make tasks [ARGS=axe]  the commonest tasks of each role in a browser, every page in every look; writes docs/tasks.md
# make fuzz [EXAMPLES=40] [ARGS=broadcasts]   every operation of the API as each role
# make bench NAME=prepare [QUICK=1]   one benchmark; it exits 0 only when its goal holds
# make lock   the lock files anew from pyproject.toml

.PHONY: run demo-data test lint tasks fuzz bench lock setup-run setup-test
.DEFAULT_GOAL := run

run: setup-run
	@exec .venv/bin/loa demo $(ARGS)

demo-data: setup-run
	@exec .venv/bin/loa demo-data $(ARGS)

test: setup-test lint
ifdef ARGS
	@.venv/bin/python -m pytest $(ARGS)
else
	@tests/run
endif

lint:
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports --no-logo
	@.venv/bin/mypy

tasks: setup-test
	@.venv/bin/python -m bench.tasks $(ARGS)

fuzz: setup-test
	@exec .venv/bin/python -m bench.fuzz $(ARGS)

bench: setup-test
	@exec .venv/bin/python -m bench.$(NAME)

setup-run setup-test: setup-%:
	@deploy/setup $*

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --all-extras \
		pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --all-extras \
		--group dev -c requirements.lock pyproject.toml -o requirements-dev.lock
