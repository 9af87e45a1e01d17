# `make help` tells what there is.

# LUA says for which Lua: a version (5.4, 5.1), luajit, or an interpreter's
# path. Left out, `make` and `make install` serve 5.4 and 5.1, whose core
# LuaJIT shares, and `make test` runs the specs on 5.4 and LuaJIT.
LUA =
CC = cc
CFLAGS = -O2 -g
PREFIX = /usr/local
BUILD = build
SETUP = tools/setup
BUSTED = busted
SPEC = spec
# V=1 shows the compiler's command lines
V =
# queries of `make demo`, and the text it searches
QUERY =
DEMO_INPUT =

comma = ,

# ---- from LUA to interpreters and to the versions of the C API ("ABI") ----

interpreter = $(if $(filter 5.%,$(1)),lua$(1),$(1))
abi = $(or $(filter 5.%,$(1)),$(if $(filter luajit,$(1)),5.1),$(shell \
  $(1) -e 'print((_VERSION:match("%d%.%d")))'))

TARGETS := $(or $(LUA),5.4 luajit)
INTERPRETERS := $(foreach lua,$(TARGETS),$(call interpreter,$(lua)))
ABIS := $(sort $(foreach lua,$(TARGETS),$(call abi,$(lua))))
FIRST := $(firstword $(TARGETS))

# Runs a script of the checkout. The versioned variables would win over ours.
run = env -u LUA_PATH_5_4 -u LUA_CPATH_5_4 -u LUA_INIT \
  LUA_PATH='./lua/?.lua;./lua/?/init.lua;;' \
  LUA_CPATH='./$(BUILD)/$(call abi,$(FIRST))/?.so;;' \
  $(call interpreter,$(FIRST))

# ---- the core ----

Q = $(if $(V),,@)

SOURCES := $(wildcard csrc/*.c)
WARNINGS = -Wall -Wextra
CORE_CFLAGS = -std=c99 -fPIC -fvisibility=hidden -fopenmp-simd $(WARNINGS)

# Lua keeps pointers into the core (a thread of the core may run in it) while
# it closes its libraries: nodelete. macOS never unloads and has other flags.
ifeq ($(shell uname -s),Darwin)
SHARED = -bundle -undefined dynamic_lookup
else
SHARED = -shared -Wl,-z,nodelete
endif

# Asked when compiling, not before: tools/setup may just have installed them.
pq_cflags = $$(pkg-config --cflags libpq 2>/dev/null || \
  echo "-I$$(pg_config --includedir)")
pq_libs = $$(pkg-config --libs libpq 2>/dev/null || \
  echo "-L$$(pg_config --libdir) -lpq")
lua_cflags = $(if $(LUA_INCDIR),-I$(LUA_INCDIR),$$( \
  pkg-config --cflags lua$(1) 2>/dev/null || \
  pkg-config --cflags lua-$(1) 2>/dev/null || \
  pkg-config --cflags $(if $(filter 5.1,$(1)),luajit,lua)))

CORES := $(ABIS:%=$(BUILD)/%/pgvector/core.so)

.PHONY: build
build: $(CORES)

define rules_for_abi
$(BUILD)/$(1)/obj/%.o: csrc/%.c Makefile | $(BUILD)/$(1)/obj
	@echo "CC   $$@"
	$$(Q)$$(CC) $$(CORE_CFLAGS) $$(CFLAGS) $$(CPPFLAGS) $$(call lua_cflags,$(1)) \
	  $$(pq_cflags) -MMD -MP -c -o $$@ $$<

$(BUILD)/$(1)/pgvector/core.so: $(SOURCES:csrc/%.c=$(BUILD)/$(1)/obj/%.o) \
    | $(BUILD)/$(1)/pgvector
	@echo "LINK $$@"
	$$(Q)$$(CC) $$(SHARED) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(pq_libs) \
	  -lm -lpthread

$(BUILD)/$(1)/obj $(BUILD)/$(1)/pgvector:
	@mkdir -p $$@

-include $(SOURCES:csrc/%.c=$(BUILD)/$(1)/obj/%.d)
endef
$(foreach abi,$(ABIS),$(eval $(call rules_for_abi,$(abi))))

# ---- what people call ----

## demo: search a text by meaning: make demo QUERY="…" DEMO_INPUT=file
.PHONY: demo
demo: export QUERY := $(QUERY)
demo: export DEMO_INPUT := $(DEMO_INPUT)
demo:
	@$(SETUP) run
	@$(MAKE) --no-print-directory build LUA=$(FIRST)
	@tools/postgres start
	@PGVECTOR_URL="$$(tools/postgres url)" \
	  $(run) examples/semantic_search/search.lua

## test: the specs; make test LUA=5.1, make test SPEC=spec/values
.PHONY: test
test: ready
	@failed=; for lua in $(INTERPRETERS); do \
	  echo "== specs on $$lua"; \
	  $(BUSTED) --lua=$$lua $(BUSTEDFLAGS) $(SPEC) || failed="$$failed $$lua"; \
	done; \
	[ -z "$$failed" ] || { echo "specs failed on$$failed" >&2; exit 1; }

.PHONY: setup
setup:
	@$(SETUP) dev

# everything installed, built, and a server running
.PHONY: ready
ready: setup
	@$(MAKE) --no-print-directory build
	@tools/postgres start

## check: warnings, linters, the layers, the rock
.PHONY: check
check: check-lua check-c check-shell rock

# The library's files must parse on the oldest Lua.
.PHONY: check-lua
check-lua: setup
	luacheck -q . bin/pgvector
	find lua -name '*.lua' -exec luac5.1 -p {} +
	$(BUSTED) spec/layers_spec.lua

STRICT = -Wall -Wextra -Werror -pedantic -Waggregate-return -Wcast-align \
  -Wcast-qual -Wdisabled-optimization -Wpointer-arith -Wshadow \
  -Wredundant-decls -Wsign-compare -Wundef -Wwrite-strings \
  -Wbad-function-cast -Wdeclaration-after-statement -Wmissing-prototypes \
  -Wmissing-declarations -Wnested-externs -Wstrict-prototypes -Wc++-compat

# What cppcheck 2.10 need not say: it misreads hexadecimal floats and structures
# filled one field at a time; floats behind integers are how sparsevec is laid out.
CPPCHECK_OFF = --suppress=incorrectLogicOperator --suppress=ctuuninitvar \
  --suppress=invalidPointerCast

.PHONY: check-c
check-c: setup
	@for compiler in gcc clang; do \
	  echo "== warnings of $$compiler"; \
	  $(MAKE) --no-print-directory -s build CC=$$compiler \
	    BUILD=build/strict/$$compiler WARNINGS='$(STRICT)' || exit 1; \
	done
	clang-tidy --quiet $(SOURCES) -- $(CORE_CFLAGS) $(call lua_cflags,5.4) \
	  $(pq_cflags)
	cppcheck --quiet --error-exitcode=1 --std=c99 -D__GNUC__ \
	  -DLUA_VERSION_NUM=504 -DLIBPQ_HAS_PIPELINING \
	  --enable=warning,performance,portability $(CPPCHECK_OFF) csrc

.PHONY: check-shell
check-shell: setup
	shellcheck $$(grep -l '^#!/bin/.*sh' tools/* .ci/run)

# The specs run in this very process; what a spec starts as a program of its
# own would be watched too, so those stay out.
in_process = lua5.4 $(1) "$$(command -v $(BUSTED))" --ignore-lua \
  --exclude-tags=programs $(BUSTEDFLAGS)

# the specs that work the core hardest, and all that reach into it
CORE_SPEC := spec/core spec/values spec/engine
DRIVER_SPEC := $(CORE_SPEC) spec/types spec/wait spec/connect spec/faults \
  spec/search spec/pgmoon_spec.lua

## asan: the specs of core and driver under the address and undefined behaviour sanitizers
# and those of the core once more with a collector that never rests.
asan_env = PGVECTOR_BUILD=build/asan \
  LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) \
  $$($(CC) -print-file-name=libubsan.so)" \
  ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=print_stacktrace=1
.PHONY: asan
asan:
	@$(MAKE) --no-print-directory ready LUA=5.4 BUILD=build/asan \
	  CFLAGS="-O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all \
	  -fsanitize=address,undefined"
	$(asan_env) $(call in_process) $(if $(filter spec,$(SPEC)),$(DRIVER_SPEC),$(SPEC))
	$(asan_env) $(call in_process,-e 'collectgarbage("setpause"$(comma) 1)') \
	  $(CORE_SPEC)

## valgrind: the specs of the core under valgrind
# but for those of the distance loops, which take it a minute and which the
# sanitizers watch too.
.PHONY: valgrind
valgrind: ready
	valgrind --quiet --error-exitcode=99 --leak-check=full \
	  --errors-for-leak-kinds=definite --show-leak-kinds=definite \
	  $(call in_process) --exclude-pattern=kernels_spec $(CORE_SPEC)

## libpq: the specs of the driver with a newer libpq than the machine's
# A statement is deallocated, cancelled and streamed in other ways with it.
.PHONY: libpq
libpq: ready
	@$(SETUP) libpq
	@PKG_CONFIG_PATH=$(CURDIR)/.libpq/lib/pkgconfig \
	  $(MAKE) --no-print-directory build LUA=5.4 BUILD=build/libpq \
	  LDFLAGS=-Wl,-rpath,$(CURDIR)/.libpq/lib
	PGVECTOR_BUILD=build/libpq $(BUSTED) --lua=lua5.4 $(BUSTEDFLAGS) \
	  spec/core spec/engine spec/connect spec/wait

## bench: the measurements in bench/
.PHONY: bench
bench:
	@$(SETUP) bench
	@$(MAKE) --no-print-directory build
	@tools/postgres start
	bench/run

## docs: the reference, as HTML, in build/docs
.PHONY: docs
docs: setup
	cd docs && ldoc --quiet --fatalwarnings --dir ../build/docs .

## rock: build and install the rock into a temporary tree, and load it
.PHONY: rock
rock: setup
	tools/rock

## install: Lua files, core and command: make install PREFIX=… LUA=… DESTDIR=…
# LUADIR, LIBDIR and BINDIR may be given, as LuaRocks does, with one LUA.
.PHONY: install
install: build
	@set -e; for abi in $(ABIS); do \
	  luadir="$(DESTDIR)$(or $(LUADIR),$(PREFIX)/share/lua/$$abi)"; \
	  libdir="$(DESTDIR)$(or $(LIBDIR),$(PREFIX)/lib/lua/$$abi)/pgvector"; \
	  mkdir -p "$$luadir" "$$libdir"; \
	  cp -R lua/. "$$luadir"; \
	  install -m 755 "$(BUILD)/$$abi/pgvector/core.so" "$$libdir"; \
	done
	@bindir="$(DESTDIR)$(or $(BINDIR),$(PREFIX)/bin)"; mkdir -p "$$bindir"; \
	  sed '1s|.*|#!/usr/bin/env $(call interpreter,$(FIRST))|' bin/pgvector \
	    >"$$bindir/pgvector"; \
	  chmod 755 "$$bindir/pgvector"

## clean: remove what was built
.PHONY: clean
clean:
	rm -rf build

## help: this list
.PHONY: help
help:
	@sed -n 's/^## /make /p' Makefile
