# demo, test, lint, bench: each brings what it needs and is quiet when it is there.
.DELETE_ON_ERROR:
.PRECIOUS: build/%/build.ninja
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

VENV := .venv
PYTHON := $(VENV)/bin/python
JOBS ?= $(shell nproc)
NATIVE := $(shell find native CMakeLists.txt CMakePresets.json -type f)
NATIVE_TESTS := $(shell find tests/native -type f)
FORMATTED := $(filter %.cc %.h,$(NATIVE) $(NATIVE_TESTS)) $(wildcard tests/hosts/c/*)

# What is compiled of Python is kept, whatever this shell has by default: the tests start processes by
# the hundred, of 800 modules each.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache

.PHONY: help set-up set-up-run set-up-test set-up-image build demo test lint style tidy lock \
  native-build native-tests native-watched python-tests test-foreign sanitizers forks kills siege \
  fuzz fuzz-a-minute bench portable test-portable wheels packages man image test-image \
  test-pipelines test-packages test-roots release release-check format clean

help:
	@echo "make demo    sign a JAR and a file through the whole system"
	@echo "make test    linters, type checks, native and Python tests; where native code changed also"
	@echo "             clang-tidy, sanitizers, a short fuzzing"
	@echo "make lint    the linters and type checks alone"
	@echo "make test-foreign  tools that only registries have, on the module; needs go, cargo and mvn"
	@echo "make forks   FORKS=10000 forks under load: none may hang"
	@echo "make kills   KILLS=200 servers killed under load, on each database: the log must be whole"
	@echo "make siege   SIEGE=10 times what the tests do of attacks on the server, by every way in"
	@echo "make fuzz    the parsers on made-up input: FUZZ_SECONDS=60 each, FUZZ_TARGETS=…"
	@echo "make bench   what signing costs, beside what it could cost at least: BENCH='--only api wait';"
	@echo "             or beside another commit: BENCH='--against HEAD~1'"
	@echo "make portable       the module for Linux with glibc 2.28 or newer, in dist"
	@echo "make wheels         what pip installs, in dist"
	@echo "make test-portable  that module, in Debian 11's programs and in this machine's"
	@echo "make image       the server as an OCI image, in dist"
	@echo "make packages    .deb and .rpm, in dist"
	@echo "make test-image  that image, in runc, as root"
	@echo "make test-packages  those, the image and a pipeline's job, in bare Debians; needs root and mmdebstrap"
	@echo "make test-pipelines a job of a pipeline, in a bare Debian 12; needs root and mmdebstrap"
	@echo "make lock    pin what pyproject.toml asks for, in requirements; LOCK=--upgrade: in newer versions"
	@echo "make man     the manual pages, in build/man"
	@echo "make release        all that is given out, of this commit, signed, in dist/release"
	@echo "make release-check  whether that verifies: CHECK='--root FILE --log-key KEY'"
	@echo "make test-roots     demo and test in bare roots of Debian 12 and 13, as root and as nobody much"
	@echo "make format  let the formatters have their way"

set-up:
	@.ci/set-up build
set-up-run:
	@.ci/set-up build run
set-up-test:
	@.ci/set-up build run test
set-up-image:
	@.ci/set-up build image

# What is pinned stays, unless LOCK=--upgrade.
LOCK ?=
lock: set-up
	@PYTHON=$(PYTHON) requirements/lock $(LOCK)

# The editable install: Python sources are used in place; native code is built again when it changed.
build: set-up $(VENV)/.built
$(VENV)/.built: $(NATIVE) pyproject.toml | set-up
	@echo "build: module and bindings"
	@$(VENV)/bin/pip install -q --disable-pip-version-check --no-build-isolation --no-deps \
	  --config-settings cmake.define.SEALWRIGHT_WERROR=ON -e .
	@touch $@

demo: set-up-run build
	@docs/demo/run

test: set-up-test style native-tests python-tests native-watched

# What watches the native code takes longer than all else: once for each state of it. The sum of the
# state that passed last is committed with it.
WATCHED := .ci/native-watched
SUM = $(shell find native tests/native tests/fuzz CMakeLists.txt CMakePresets.json .clang-tidy -type f \
  -not -path '*/__pycache__/*' -not -path 'native/portable/*' | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -d' ' -f1)
native-watched:
	@if [[ "$$(cat $(WATCHED) 2> /dev/null)" == $(SUM) ]]; then \
	  echo "native-watched: clang-tidy, sanitizers and fuzzing have passed on this native code"; \
	else \
	  $(MAKE) -j $(JOBS) tidy && $(MAKE) sanitizers fuzz-a-minute && echo $(SUM) > $(WATCHED); \
	fi

lint: style
	@$(MAKE) -j $(JOBS) tidy

style: set-up-test build
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo
	@clang-format --dry-run --Werror $(FORMATTED)

# One stamp a source file, so that only what changed is read again.
TIDY_STAMPS := $(patsubst %.cc,build/tidy/%.ok,$(filter native/%.cc,$(NATIVE)))
HEADERS := $(filter %.h,$(NATIVE))
tidy: $(TIDY_STAMPS)
build/tidy/%.ok: %.cc $(HEADERS) .clang-tidy | native-build
	@mkdir -p $(@D)
	@clang-tidy --quiet -p build/dev $< 2> >(grep -v 'warnings\? generated' >&2)
	@touch $@

build/%/build.ninja: CMakeLists.txt CMakePresets.json | set-up-test
	@cmake --preset $* -DPython_EXECUTABLE=$(CURDIR)/$(PYTHON) \
	  -DPython3_EXECUTABLE=$(CURDIR)/$(PYTHON) \
	  -Dpybind11_DIR="$$($(PYTHON) -m pybind11 --cmakedir)" --no-warn-unused-cli > /dev/null

native-build: build/dev/build.ninja
	@cmake --build build/dev -j $(JOBS)

native-tests: native-build
	@ctest --test-dir build/dev --output-on-failure -j $(JOBS)

# One process more than there are CPUs: many tests wait, for a deadline or an answer. A test that hangs
# fails with its name and where it stands, instead of holding up all others.
TEST_SECONDS ?= 600
TESTS ?=
python-tests: set-up-test build
	@packaging/prometheus/promtool build/promtool || true # else the test of the alerts says so
	@$(VENV)/bin/pytest -n $$(($(JOBS) + 1)) --dist loadscope --timeout $(TEST_SECONDS) $(TESTS)

# Tools that no Debian package brings, in the versions of the lock files; what is downloaded and built
# stays in build/foreign.
FOREIGN := $(CURDIR)/build/foreign
GO_BUILD = GOMODCACHE=$(FOREIGN)/go/modules GOCACHE=$(FOREIGN)/go/built \
  go build -p $(JOBS) -modcacherw -buildvcs=false -trimpath
test-foreign: set-up-test build \
  $(addprefix $(FOREIGN)/bin/,jsign relic sign-with-crypto11 sign-with-cryptoki read-log fsck \
    read-goreleaser)
	@$(VENV)/bin/pytest -q tests/foreign
$(FOREIGN)/bin/jsign: $(wildcard tests/foreign/jsign/*)
	@mvn -q -B -f tests/foreign/jsign/pom.xml -Dmaven.repo.local=$(FOREIGN)/maven \
	  dependency:copy-dependencies -DoutputDirectory=$(FOREIGN)/jsign
	@cd $(FOREIGN)/jsign && sha256sum --check --quiet $(CURDIR)/tests/foreign/jsign/SHA256SUMS
	@install -D tests/foreign/jsign/jsign $@
$(FOREIGN)/bin/relic: $(wildcard tests/foreign/relic/go.*)
	@cd tests/foreign/relic && $(GO_BUILD) -o $@ github.com/sassoftware/relic/v8
$(FOREIGN)/bin/sign-with-crypto11: $(wildcard tests/foreign/go/go.* tests/foreign/go/*/*.go)
	@cd tests/foreign/go && $(GO_BUILD) -o $(@D)/ ./...
# Readers of the log, and a witness.
$(FOREIGN)/bin/read-log: $(wildcard tests/foreign/log/go.* tests/foreign/log/*/*.go)
	@cd tests/foreign/log && $(GO_BUILD) -o $(@D)/ ./...
$(FOREIGN)/bin/fsck: $(wildcard tests/foreign/log/go.*)
	@cd tests/foreign/log && $(GO_BUILD) -o $(@D)/ tool
$(FOREIGN)/bin/read-goreleaser: $(wildcard tests/foreign/goreleaser/go.* tests/foreign/goreleaser/*/*.go)
	@cd tests/foreign/goreleaser && $(GO_BUILD) -o $(@D)/ ./...
$(FOREIGN)/bin/sign-with-cryptoki: $(wildcard tests/foreign/cryptoki/Cargo.* tests/foreign/cryptoki/src/*)
	@CARGO_HOME=$(FOREIGN)/cargo cargo build -q --locked -j $(JOBS) \
	  --manifest-path tests/foreign/cryptoki/Cargo.toml --target-dir $(FOREIGN)/cryptoki
	@install -D $(FOREIGN)/cryptoki/debug/$(@F) $@

# The module's own tests again, with the compiler watching: memory, undefined behaviour, races.
sanitizers: sanitized-asan sanitized-tsan
sanitized-%: build/%/build.ninja
	@cmake --build build/$* -j $(JOBS)
	@ctest --test-dir build/$* --output-on-failure -j $(JOBS)

# What the tests do with a hundred forks, long enough to meet what is rare.
FORKS ?= 10000
forks: build native-build
	@SEALWRIGHT_FORKS=$(FORKS) build/dev/tests/native/base_openssl_test --gtest_brief=1
	@SEALWRIGHT_FORKS=$(FORKS) $(VENV)/bin/pytest -n $(JOBS) tests/hosts/test_fork_storm.py

# What the tests do with a few kills, often enough to hit each point of a commit; and for each ten
# kills a disk that is full, a database that is cut off, and a round of callers who use up a quota.
KILLS ?= 200
kills: set-up-test build
	@SEALWRIGHT_KILLS=$(KILLS) SEALWRIGHT_FAULTS=$$(($(KILLS) / 10)) \
	  SEALWRIGHT_ROUNDS=$$(($(KILLS) / 10)) $(VENV)/bin/pytest -q \
	  tests/invariants/test_a_quota_is_exact.py \
	  tests/invariants/test_no_signature_without_its_row.py \
	  tests/invariants/test_killed_again_and_again.py \
	  tests/invariants/test_the_store_fails_again_and_again.py

# What the tests do of attacks, so many times longer, and each by every way in and on each database.
SIEGE ?= 10
siege: set-up-test build
	@SEALWRIGHT_SIEGE=$(SIEGE) $(VENV)/bin/pytest -q tests/siege

# Inputs that find something new are kept in build/fuzz/corpus, so that the next run starts there.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?=
fuzz: build/fuzz/build.ninja | build
	@cmake --build build/fuzz -j $(JOBS)
	@$(PYTHON) tests/fuzz/run.py --build build/fuzz --seconds $(FUZZ_SECONDS) --jobs $(JOBS) \
	  $(FUZZ_TARGETS)
fuzz-a-minute:
	@$(MAKE) fuzz FUZZ_SECONDS=4

BENCH ?=
bench: set-up-test build
	@$(PYTHON) bench/run.py $(BENCH)

# The module for other machines than this one: PORTABLE=x86_64-linux-gnu, where make build is for
# this machine's own C library and newer.
PORTABLE ?= x86_64-linux-gnu
portable: set-up
	@PYTHON=$(CURDIR)/$(PYTHON) JOBS=$(JOBS) native/portable/build $(PORTABLE)

# What pip installs, with that module inside; and a source distribution.
wheels: portable
	@PYTHON=$(CURDIR)/$(PYTHON) packaging/wheels/build $(PORTABLE)

# With the C library of an older system, and with all that the ordinary module is tried with.
test-portable: set-up-test portable build
	@tests/portable/debian-11
	@SEALWRIGHT_MODULE=$(CURDIR)/dist/libsealwright-pkcs11-$(PORTABLE).so \
	  SEALWRIGHT_DEBIAN_11=$(CURDIR)/build/debian-11/root \
	  $(VENV)/bin/pytest -n $(JOBS) --dist loadscope tests/portable tests/module tests/hosts tests/tools

# What docker and podman load, made without either; and what it does as a user of nobody's, in runc.
image: wheels set-up-image
	@PYTHON=$(CURDIR)/$(PYTHON) packaging/image/build
# The image's Python packages, in Debian's way, and the module as .deb and .rpm.
packages: image man
	@packaging/linux/build
test-image: set-up-test image build
	@$(VENV)/bin/pytest -q tests/image

# What a pipeline's job does in a machine that has nothing but apt.
test-pipelines: set-up-test portable build
	@tests/bare-root bookworm
	@SEALWRIGHT_MODULE=$(CURDIR)/dist/libsealwright-pkcs11-$(PORTABLE).so \
	  SEALWRIGHT_BARE_ROOTS=$(CURDIR)/build/bare-root $(VENV)/bin/pytest -q tests/pipelines/bare
# In bare roots: minutes, and root.
test-packages: test-image test-pipelines packages
	@for suite in bookworm bullseye; do tests/bare-root $$suite; done
	@SEALWRIGHT_BARE_ROOTS=$(CURDIR)/build/bare-root $(VENV)/bin/pytest -q tests/packaging/bare
# All of it in roots that hold nothing else, by those who have all rights and by those who have none:
# ROOTS_OF='trixie:user bookworm:root' ROOTS_MAKE='demo test'. Takes hours.
ROOTS_OF ?= bookworm:root trixie:root bookworm:container bookworm:user trixie:user
ROOTS_MAKE ?= demo test
test-roots:
	@for each in $(ROOTS_OF); do \
	  echo "roots: $(ROOTS_MAKE) in $${each%:*}, as $${each#*:}"; \
	  tests/roots/run $${each%:*} $${each#*:} $(ROOTS_MAKE); \
	done

# All that is given out, of this commit: docs/release.md.
man: build
	@packaging/man/build
release: build
	@packaging/release/build
CHECK ?=
release-check: build
	@$(PYTHON) packaging/release/check.py $(CHECK)

format: set-up-test
	@$(VENV)/bin/ruff check -q --fix .
	@$(VENV)/bin/ruff format -q .
	@clang-format -i $(FORMATTED)

clean:
	@rm -rf build
