# `make run` and `make test` need no preparation: each sets up what is missing first.
.DEFAULT_GOAL := help
.PHONY: windows help run test layer lint databases chaos soak office mutants attacks lab cluster fuzz bench build deb deb-test dist executables executables-test locks format catalog site clean windows-test
SETUP := sh packaging/dev/setup.sh

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile

run: ## a server, and a client that finds it
	@$(SETUP) run
	@exec .venv/bin/python packaging/dev/run.py

test: ## style, types and all tests; ARGS="tests/unit -k name" for some of the tests
	@$(SETUP) test
	@exec sh packaging/dev/check.sh $(ARGS)

layer: ## unit tests of one package without the rest; NAME=core, or server/core, a folder of tests/unit
	@$(SETUP) test
	@.venv/bin/python -m pytest -q -n auto tests/unit/$(NAME) $(ARGS)

lint: ## style and types only
	@$(SETUP) dev
	@exec sh packaging/dev/check.sh --lint

databases: ## the tests that need a database server on MariaDB 10.11 and 11.8 and MySQL 9, which are fetched; ARGS="--only mysql-9"
	@$(SETUP) test
	@.venv/bin/python -m tests.databases $(ARGS)

chaos: ## servers, clients, databases and commands killed some 1,800 times (70 min, in pieces that add up); ARGS="--minutes 6" for some
	@$(SETUP) test
	@.venv/bin/python -m tests.chaos $(ARGS)

fuzz: ## hostile octets for every reader, guided by coverage (half a minute each); ARGS="--only NAME --seconds N"
	@$(SETUP) fuzz
	@.venv/bin/python -m tests.fuzz $(ARGS)

soak: ## 100,000 simulated runs full of faults (two hours; Ctrl+C ends it, the next one goes on); ARGS="--seeds 1000"
	@$(SETUP) test
	@.venv/bin/python -m tests.sim --soak $(ARGS)

office: ## fifty people for two hours: memory and descriptors stay (Ctrl+C ends it with a verdict); ARGS="--minutes 10"
	@$(SETUP) test
	@.venv/bin/python -m tests.office $(ARGS)

mutants: ## 200 small changes of the cores, which tests must notice (half an hour; Ctrl+C, then it goes on); ARGS="--only NAME"
	@$(SETUP) dev
	@.venv/bin/python -m tests.mutants $(ARGS)

attacks: ## forgers, guessers, floods, members against a real server, and a hostile one (90 min); ARGS="floods --quick" for a part
	@$(SETUP) test
	@.venv/bin/python -m tests.attacks $(ARGS)

lab: ## the table of broken networks (needs root; 6 min, kept until ARGS="--again"); ARGS="--only blackhole" for a part
	@$(SETUP) test
	@.venv/bin/python -m tests.lab.matrix $(ARGS)

cluster: ## a Galera cluster and its servers killed, cut off, mended (needs root; 20 min, kept until ARGS="--again"); ARGS="--only killed"
	@$(SETUP) cluster
	@.venv/bin/python -m tests.cluster $(ARGS)

bench: ## speed of the product beside its peers, a quarter of an hour; ARGS="--only a,c --quick" for a part
	@$(SETUP) bench
	@.venv/bin/python -m tests.benchmarks $(ARGS)

deb: ## Debian packages of client and server, in dist, built in a chroot of Debian 12 (root)
	@$(SETUP) deb
	@.venv/bin/python packaging/linux/deb.py $(ARGS)

deb-test: ## the same installed, used, updated and purged in Debian 12 and 13 and Ubuntu 24.04 (root; kept in .cache); ARGS="--only trixie"
	@$(SETUP) deb
	@.venv/bin/python packaging/linux/deb_test.py $(ARGS)

dist: ## everything of a release, in dist, with sums, bill of materials and licences: a table (root); ARGS="--without deb"
	@$(SETUP) dist
	@.venv/bin/python packaging/release/dist.py $(ARGS)

build: ## the wheel and the source package, in dist
	@$(SETUP) run
	@.venv/bin/python -m hatchling build

executables: ## programs that need no Python, for this platform, built and then used: a table; ARGS="--again" builds anew
	@$(SETUP) test
	@.venv/bin/python packaging/pyinstaller/executables.py $(ARGS)

executables-test: ## the same in bare chroots of Debian 12 and 13, without Python (root; kept in .cache)
	@$(SETUP) test
	@.venv/bin/python packaging/pyinstaller/executables.py --chroots $(ARGS)

locks: ## renew packaging/locks, the versions and hashes of all that is installed, and say what changed; ARGS=--keep
	@$(SETUP) locks
	@.venv/bin/python packaging/dev/locks.py $(ARGS)

windows: ## the setup for Windows, a portable archive and winget's manifest, built and used under Wine (root): a table
	@$(SETUP) dev
	@.venv/bin/python packaging/windows/setup.py $(ARGS)

windows-test: ## the unit and end-to-end tests with Python for Windows under Wine (root; made when missing); ARGS="unit -- -k name" for a part
	@$(SETUP) dev
	@.venv/bin/python packaging/windows/suites.py $(ARGS)

format: ## bring the code into the project's style
	@$(SETUP) dev
	@.venv/bin/ruff check --fix --exit-zero .
	@.venv/bin/ruff format .

catalog: ## texts for people: collect, merge the Russian ones, compile
	@$(SETUP) dev
	@.venv/bin/python packaging/dev/catalog.py

site: ## the guides as pages that need no network, English and Russian, in build/site; all links checked
	@$(SETUP) site
	@.venv/bin/python packaging/site/guides.py

clean: ## remove what was built, installed and run here
	rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
