# mbsand: build, run, test, install.
#   make run                 install what is missing, build, run the main job
#   make test                install what is missing, run every test
#   make [all]               build            (LUA=5.4|luajit, BUILD=release|debug|asan|tsan, CC=gcc|clang,
#                            MPI=1: sweeps over Open MPI)
#   make release             the fastest build: link-time and profile-guided optimisation, Lua inside
#   make bench               benchmarks       make lint | format    style
#   make gallery             docs/gallery.md anew: every scenario with its picture and answer, in two minutes
#   make playground          the page in a browser, as static files in build/playground
#   make probe               the CUDA plugin of mbsand probe, where nvcc is (NVCC)
#   make gpu-check           all that needs a graphics card, in at most ten minutes
#   make probe-llama         its llama.cpp plugin, where pkg-config finds llama.cpp, or LLAMA_DIR=its folder
#   make install             DESTDIR, PREFIX  make uninstall | sbom | dist | clean
#   make deb | static        in build/: a package for Debian and Ubuntu; one file for any Linux of this processor
VERSION := 0.2.0
LUA     ?= 5.4
BUILD   ?= release
MPI     ?=
PREFIX  ?= /usr/local
DESTDIR ?=
ifeq ($(origin CC),default)
  CC := gcc
endif
# A compiler for another machine (CC=aarch64-linux-gnu-gcc) says for which; its tools and libraries are named alike.
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
CROSS   := $(patsubst %-gcc,%,$(filter %-linux-gnu-gcc,$(firstword $(CC))))
STRIP   := $(CROSS:%=%-)strip
ifneq ($(CROSS),)
  export PKG_CONFIG_LIBDIR ?= /usr/lib/$(CROSS)/pkgconfig:/usr/share/pkgconfig
endif
PKG_CONFIG := $(CROSS:%=PKG_CONFIG_LIBDIR=$(PKG_CONFIG_LIBDIR) )pkg-config # $(shell) hears of no export before make 4.4
LUA_PACKAGE := $(if $(filter luajit,$(LUA)),luajit,lua$(LUA))

# One folder per combination, so that switching never mixes objects; build/mbsand is the one built last.
COMPILER := $(notdir $(firstword $(CC)))
OUT     := build/$(LUA_PACKAGE)-$(BUILD)-$(COMPILER)$(if $(MPI),-mpi)
FAST    := build/$(LUA_PACKAGE)-fast-$(COMPILER)
# What does not depend on the kind of Lua is compiled once for both, and what does not on MPI once with and without.
COMMON  := $(if $(filter counting fast,$(BUILD)),$(OUT),build/common-$(BUILD)-$(COMPILER))
PLAIN   := $(if $(MPI),build/$(LUA_PACKAGE)-$(BUILD)-$(COMPILER),$(OUT))
LUALESS := base engine fit metrics model plan probe queue sim workload
WITH_MPI := src/sweep/ranks.c
DATADIR := $(PREFIX)/share/mbsand

# Walls of the build (SECURITY.md): what a mistake in C would have to get past.
HARDEN        := -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fPIE
FLAGS_release := -O2 -g -DNDEBUG $(HARDEN)
# What `make release` builds: the same, as a whole and laid out for the benchmark's path, but for rooms that no run spends
# time in: their objects are those of the release build. First a build that counts.
COLD := cli explain fit pack page plan planner probe series sweep tracks
FLAGS_counting := $(FLAGS_release) -g0 -flto=auto -fprofile-generate -fprofile-update=atomic
FLAGS_fast     := $(FLAGS_release) -flto=auto -fprofile-use -fprofile-correction -Wno-missing-profile
FLAGS_debug   := -O1 -g -DMB_DEBUG -fno-omit-frame-pointer
# Of debugging information the sanitizers need the lines.
FLAGS_asan    := $(FLAGS_debug) -g1 -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_tsan    := $(FLAGS_debug) -g1 -fsanitize=thread
# What tests/fuzz links with the fuzzer's own main: CC=clang BUILD=fuzz fuzz-programs. No target needs these rooms.
FLAGS_fuzz    := $(FLAGS_debug) -g1 -fsanitize=fuzzer-no-link,address,undefined
UNFUZZED      := cli explain page planner series tracks
MODE     := $(FLAGS_$(BUILD))
PACKAGES := $(LUA_PACKAGE) jansson zlib libzstd sqlite3 $(if $(MPI),ompi-c)
# -ffp-contract=off: no fused multiply-add, whatever the processor. For the same reason exp, log, pow and others are not the
# C library's, which differ in the last bit between processors and libraries, but those of third_party/musl. As symbols of
# the program they are what Lua's library calls, too. Without LTO, which takes such names for the compiler's own.
# -ffile-prefix-map: the same bits whatever the folder. Whole numbers that have names are enums here, which clang 19 does not
# want to see beside fractions.
CFLAGS_ALL   := -std=c17 -Wall -Wextra -Wconversion -Wshadow -Wno-enum-float-conversion -Werror -ffp-contract=off \
                '-ffile-prefix-map=$(CURDIR)=.' $(MODE) $(CFLAGS)
CPPFLAGS_COMMON = -D_POSIX_C_SOURCE=200809L -Isrc -DMB_VERSION='"$(VERSION)"' -DMB_DATADIR='"$(DATADIR)"' $(CPPFLAGS)
CPPFLAGS_ALL = $(CPPFLAGS_COMMON) $(if $(MPI),-DMB_MPI) $(PACKAGE_FLAGS)
LDLIBS_ALL   = $(PACKAGE_LIBS) -lcsv -lpthread -ldl -lm $(LDFLAGS)
MATH         := $(patsubst third_party/musl/%.c,build/math-$(COMPILER)/%.o,$(sort $(wildcard third_party/musl/*.c)))
MATH_FLAGS   := -std=c99 -w -O2 -D_GNU_SOURCE -U__FP_FAST_FMA '-Dhidden=__attribute__((visibility("hidden")))' \
                -ffp-contract=off -fno-builtin -fno-lto
LINK_FLAGS   := -pie -Wl,-z,relro,-z,now,-z,noexecstack
PACKAGE_FLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
PACKAGE_LIBS  := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null)
ifneq ($(filter counting fast,$(BUILD)),)
  LUA_ARCHIVE  := $(shell $(CC) -print-file-name=lib$(if $(filter luajit,$(LUA)),luajit-5.1,lua$(LUA)).a)
  PACKAGE_LIBS := $(if $(wildcard $(LUA_ARCHIVE)),$(patsubst -llua%,$(LUA_ARCHIVE),$(PACKAGE_LIBS)),$(PACKAGE_LIBS))
endif

# src/playground is what a page in a browser has instead of some of these.
SOURCES := $(filter-out src/playground/% $(if $(filter fuzz,$(BUILD)),$(UNFUZZED:%=src/%/%)),$(sort $(wildcard src/*/*.c)))
READY   := $(if $(filter counting fast,$(BUILD)),$(filter-out $(WITH_MPI),$(filter $(COLD:%=src/%/%),$(SOURCES))))
SHARED  := $(filter $(addprefix src/,$(addsuffix /%,$(LUALESS))),$(SOURCES))
OBJECTS := $(patsubst src/%.c,$(COMMON)/%.o,$(filter-out $(READY),$(SHARED))) $(WITH_MPI:src/%.c=$(OUT)/%.o) \
           $(patsubst src/%.c,$(PLAIN)/%.o,$(filter-out $(SHARED) $(WITH_MPI) $(READY),$(SOURCES))) \
           $(patsubst src/%.c,build/common-release-$(COMPILER)/%.o,$(filter $(SHARED),$(READY))) \
           $(patsubst src/%.c,build/$(LUA_PACKAGE)-release-$(COMPILER)/%.o,$(filter-out $(SHARED),$(READY)))
OBJECTS += $(BUNDLE:.c=.o)
CORE    := $(filter-out $(PLAIN)/cli/main.o,$(OBJECTS)) $(MATH)
TESTS   ?= $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT    := $(TESTS:%=$(OUT)/tests/%)
FUZZ    := $(patsubst tests/fuzz/%.c,$(OUT)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
BENCH   := $(patsubst tests/bench/%.c,$(OUT)/bench/%,$(sort $(wildcard tests/bench/bench_*.c)))
SCRIPTS := lua policies scenarios data

.PHONY: all release cold binary warnings probe probe-llama gpu-check run test unit unit-programs fuzz-programs bench bench-programs lint format gallery install files uninstall sbom dist deb static static-file clean
.DELETE_ON_ERROR:

# In two steps: what the first installs, the second finds.
all:
	@.ci/packages $(if $(filter luajit,$(LUA)),luajit,build)
	@$(if $(MPI),.ci/packages mpi)
	@$(MAKE) --no-print-directory binary

binary: $(OUT)/mbsand
	@ln -sfn ../$(OUT)/mbsand build/mbsand

# The fastest build, of the same bits out: Lua linked statically where its archive is there, link-time optimisation,
# and the profile of the benchmark (a minute). The build that counts and the one that uses it share their folder's name.
TRAINING := tests/bench/batch.lua tests/bench/steps.lua
release:
	@.ci/packages $(if $(filter luajit,$(LUA)),luajit,build)
	@$(MAKE) --no-print-directory BUILD=release cold
	@rm -rf $(FAST) && $(MAKE) --no-print-directory BUILD=counting OUT=$(FAST) $(FAST)/mbsand
	@for scenario in $(TRAINING); do \
	    $(FAST)/mbsand $$scenario --quiet --jobs 1 --set workload.limit=30000 >/dev/null || exit 1; done
	@find $(FAST) -name '*.o' -delete && rm $(FAST)/mbsand
	@$(MAKE) --no-print-directory BUILD=fast OUT=$(FAST) $(FAST)/mbsand
	@ln -sfn ../$(FAST)/mbsand build/mbsand

cold: $(filter $(foreach room,$(COLD),$(COMMON)/$(room)/% $(PLAIN)/$(room)/%),$(OBJECTS))

run: all
	./build/mbsand scenarios/burst.lua

# Beside the program, which loads it at run time; nothing else needs CUDA.
NVCC       ?= $(firstword $(wildcard /usr/local/cuda/bin/nvcc) nvcc)
CUDA_ARCHS ?= 80 89 90
probe: $(OUT)/mbsand-probe-cuda.so

$(OUT)/mbsand-probe-cuda.so: src/probe/cuda/probe_cuda.cu $(wildcard src/probe/cuda/*.cuh) src/probe/backend.h
	@command -v $(NVCC) >/dev/null || { echo "make probe needs nvcc; set NVCC=/path/to/nvcc"; exit 2; }
	@mkdir -p $(@D)
	@echo "NVCC $@"
	@$(NVCC) -std=c++17 -O3 -shared -Xcompiler -fPIC,-fvisibility=hidden,-Wall,-Wextra \
	    $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) \
	    -gencode arch=compute_$(lastword $(CUDA_ARCHS)),code=compute_$(lastword $(CUDA_ARCHS)) -Isrc -o $@ $(filter %.cu,$^) -lcublas

# On a machine with a card: the plugin, measured and compared.
gpu-check:
	@tests/gpu_check.sh

# The same for llama.cpp: LLAMA_DIR has include, lib and a file with the version; .ci/llama fetches such a folder.
LLAMA_DIR ?=
LLAMA_FLAGS = $(if $(LLAMA_DIR),-I$(LLAMA_DIR)/include -L$(LLAMA_DIR)/lib -Wl$(comma)-rpath$(comma)$(LLAMA_DIR)/lib,$(shell pkg-config --cflags --libs-only-L llama 2>/dev/null)) \
              -DMB_LLAMA_VERSION='"$(or $(if $(LLAMA_DIR),$(shell cat $(LLAMA_DIR)/version 2>/dev/null)),$(shell pkg-config --modversion llama 2>/dev/null))"'
comma := ,
probe-llama: $(OUT)/mbsand-probe-llama.so

$(OUT)/mbsand-probe-llama.so: src/probe/llama/probe_llama.c src/base/error.c src/base/strbuf.c src/probe/backend.h Makefile
	@[ -n "$(LLAMA_DIR)" ] || pkg-config --exists llama || { \
	    echo "make probe-llama needs llama.cpp; set LLAMA_DIR=/path/to/it (LLAMA_DIR=\$$(.ci/llama) fetches it)"; exit 2; }
	@mkdir -p $(@D)
	@echo "CC $@"
	@$(CC) -D_GNU_SOURCE -Isrc $(CFLAGS_ALL) -fPIC -fvisibility=hidden -shared -Wl,-z,defs $(LLAMA_FLAGS) -o $@ $(filter %.c,$^) \
	    -lllama -lggml -lggml-base -ldl

test:
	@.ci/packages test
	@tests/run.sh

$(OUT)/mbsand: $(OBJECTS) $(MATH)
	@echo "LINK $@"
	@$(CC) $(MODE) $(LINK_FLAGS) -o $@ $^ $(LDLIBS_ALL)

# The Makefile too: other flags, other objects. What is common to both kinds of Lua finds the headers of neither.
define compile
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(1) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
endef

$(OUT)/%.o: src/%.c Makefile
	$(call compile,$(CPPFLAGS_ALL))

ifneq ($(PLAIN),$(OUT))
$(PLAIN)/%.o: src/%.c Makefile
	$(call compile,$(CPPFLAGS_ALL))
endif

ifneq ($(COMMON),$(OUT))
$(COMMON)/%.o: src/%.c Makefile
	$(call compile,$(CPPFLAGS_COMMON))
endif

build/math-$(COMPILER)/%.o: third_party/musl/%.c $(wildcard third_party/musl/*.h) Makefile
	@mkdir -p $(@D)
	@$(CC) -g $(HARDEN) $(CFLAGS) $(MATH_FLAGS) -c -o $@ $<

ifneq ($(BUNDLE),)
$(BUNDLE:.c=.o): $(BUNDLE)
	$(call compile,$(CPPFLAGS_ALL))
endif

# What a page holds is read by the assembler.
$(filter %/page/assets.o,$(OBJECTS)): src/page/maps.js src/page/page.js src/page/page.css $(wildcard third_party/uplot/uPlot.* third_party/uplot/LICENSE)

# All of src but main.c, for tests and benchmarks to link against.
$(OUT)/core.a: $(CORE)
	@rm -f $@
	@$(AR) rcs $@ $^

$(OUT)/tests/%: tests/unit/%.c $(OUT)/core.a
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -o $@ $< $(OUT)/core.a $(LDLIBS_ALL) -lcmocka

$(OUT)/bench/%: tests/bench/%.c $(OUT)/core.a
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -o $@ $< $(OUT)/core.a $(LDLIBS_ALL)

$(OUT)/fuzz/%: tests/fuzz/%.c $(OUT)/core.a
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -fsanitize=fuzzer -MMD -MP -o $@ $< $(OUT)/core.a $(LDLIBS_ALL)

fuzz-programs: $(FUZZ)

# What the compiler says of all sources, without compiling them.
warnings:
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -fsyntax-only $(SOURCES)

# After the program, not beside it: two makes must not write the same objects.
unit: all
	@$(MAKE) --no-print-directory unit-programs

unit-programs: $(UNIT)

bench: all
	@$(MAKE) --no-print-directory bench-programs
	@tests/bench/run.sh $(OUT)

bench-programs: $(BENCH)

lint:
	@.ci/packages test
	clang-format --dry-run --Werror $(sort $(wildcard src/*/*.[ch] tests/*/*.c))
	luacheck -q lua policies scenarios data tests

format:
	clang-format -i $(sort $(wildcard src/*/*.[ch] tests/*/*.c))

gallery: all
	MBSAND=$(OUT)/mbsand lua5.4 docs/gallery/make.lua

install: all
	@$(MAKE) --no-print-directory files

# What is there, put in its places; installs nothing that is missing.
files: binary
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(DATADIR)
	install -m 755 $(OUT)/mbsand $(DESTDIR)$(PREFIX)/bin/mbsand
	install -m 644 docs/mbsand.1 $(DESTDIR)$(PREFIX)/share/man/man1/mbsand.1
	install -D -m 644 completions/mbsand.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/mbsand
	install -D -m 644 completions/_mbsand $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_mbsand
	install -D -m 644 completions/mbsand.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/mbsand.fish
	tar -cf - --exclude=data/traces --exclude=data/perf $(SCRIPTS) | tar -xf - -C $(DESTDIR)$(DATADIR) # not what data/fetch brought
	$(if $(wildcard $(PLAYGROUND)/index.html),cp -R $(PLAYGROUND) $(DESTDIR)$(DATADIR)/)

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/mbsand $(DESTDIR)$(PREFIX)/share/man/man1/mbsand.1
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/mbsand \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_mbsand $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/mbsand.fish
	rm -rf $(DESTDIR)$(DATADIR)

# What the program is built from, in CycloneDX's form.
sbom:
	@mkdir -p build
	@CC=$(CC) .ci/sbom $(VERSION) $(LUA_PACKAGE) >build/mbsand.cdx.json
	@echo build/mbsand.cdx.json

# The tree, with the page in a browser as it was made.
dist: page
	@mkdir -p build
	@git archive $$(ls $(PLAYGROUND)/* 2>/dev/null | sed '1s|^|--prefix=mbsand-$(VERSION)/$(PLAYGROUND)/\n|' | sed '/^build/s/^/--add-file=/') \
	    --prefix=mbsand-$(VERSION)/ -o build/mbsand-$(VERSION).tar.gz HEAD
	@echo build/mbsand-$(VERSION).tar.gz

deb: page
	@.ci/packages deb
	@packaging/deb $(VERSION) CC=$(CC) LUA=$(LUA)

# One file, with every library, script and sample inside, and the page in a browser where it was made (src/cli/bundle.c).
# Without the probe's plugin, which would have to be loaded.
STATIC := build/mbsand-$(VERSION)-linux-$(MACHINE)
static: page
	@$(MAKE) --no-print-directory static-file

static-file:
	@.ci/packages build
	@rm -rf build/static && mkdir -p build/static && packaging/bundle $(SCRIPTS) $(wildcard $(PLAYGROUND)) >build/static/bundle.c
	@$(MAKE) --no-print-directory BUNDLE=build/static/bundle.c OUT=build/static PLAIN=build/$(LUA_PACKAGE)-$(BUILD)-$(COMPILER) \
	    LINK_FLAGS="-static-pie -Wl,-z,relro,-z,now,-z,noexecstack" PACKAGE_LIBS="$(shell $(PKG_CONFIG) --static --libs $(PACKAGES) 2>/dev/null)" \
	    build/static/mbsand
	@$(STRIP) -o $(STATIC) build/static/mbsand && echo $(STATIC)

clean:
	rm -rf build

include src/playground/playground.mk

-include $(OBJECTS:.o=.d) $(UNIT:=.d) $(FUZZ:=.d) $(BENCH:=.d)
