# The page in a browser: the core as WebAssembly, and what is around it, as static files in build/playground. What it is
# built from beside this tree is fetched into a cache; nothing of either is committed. Included by the Makefile.
PLAYGROUND  := build/playground
WASM        := build/wasm
FETCHED     ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mbsand-playground
WASM_ROOMS  := base engine fit metrics model page plan policy queue report run scenario series sim workload
WASM_CLI    := cmd_check cmd_list look_run messages options options_help own_report preflight print_section stop warnings
WASM_SOURCES = $(filter-out src/run/pool.c src/workload/compressed.c,$(sort $(wildcard $(WASM_ROOMS:%=src/%/*.c)))) \
               $(WASM_CLI:%=src/cli/%.c) $(sort $(wildcard src/playground/*.c)) \
               $(filter-out %/lua.c %/luac.c,$(sort $(wildcard $(FETCHED)/lua/src/*.c))) \
               $(sort $(wildcard $(FETCHED)/jansson/src/*.c)) $(FETCHED)/csv/libcsv.c $(sort $(wildcard third_party/musl/*.c))
WASM_OBJECTS = $(patsubst %.c,$(WASM)/%.o,$(subst $(FETCHED)/,fetched/,$(WASM_SOURCES)))
WASM_FILES  := lua policies scenarios data
# Asked for once. Emscripten's own compiler is this one behind a script that takes longer than most files do.
WASM_CFLAGS  = $(eval WASM_CFLAGS := $$(shell emcc --cflags) -O2 -std=c17 -ffp-contract=off)$(WASM_CFLAGS)
WASM_WARN   := -Wall -Wextra -Wconversion -Wshadow -Wno-enum-float-conversion -Werror -Wno-shorten-64-to-32 # a table has no more than 2^32 entries
WASM_CPP    := -D_POSIX_C_SOURCE=200809L -Isrc -isystem $(FETCHED)/lua/src -isystem $(FETCHED)/jansson/src \
               -isystem $(FETCHED)/csv -DMB_VERSION='"$(VERSION)"' -DMB_DATADIR='"/mbsand"'
WASM_LINK   := -O2 -s MODULARIZE=1 -s EXPORT_NAME=mbsand -s ENVIRONMENT=node,worker -s INVOKE_RUN=0 -s FORCE_FILESYSTEM=1 \
               -s ALLOW_MEMORY_GROWTH=1 -s EXPORTED_RUNTIME_METHODS=FS,callMain
# Emscripten's scripts are Debian's Node's; another Node does not look for modules there.
export NODE_PATH := $(NODE_PATH):/usr/share/nodejs

.PHONY: playground playground-sources playground-files page
playground: playground-sources
	@$(MAKE) --no-print-directory playground-files
	@echo $(PLAYGROUND)/index.html

# A release ships the page, so that its users need neither Emscripten nor npm.
page:
	@if command -v emcc >/dev/null && command -v npm >/dev/null; then $(MAKE) --no-print-directory playground; \
	elif [ ! -e $(PLAYGROUND)/core.wasm ]; then echo "without the page in a browser: it is made where emscripten and npm are" >&2; fi

playground-sources:
	@.ci/packages playground
	@src/playground/fetch $(FETCHED)

playground-files: $(PLAYGROUND)/core.js $(PLAYGROUND)/playground.js $(PLAYGROUND)/begin.js $(addprefix $(PLAYGROUND)/,index.html playground.css worker.js licences.txt)

$(PLAYGROUND)/%: src/playground/page/%
	@mkdir -p $(@D)
	@cp $< $@

# Of everything that is in the files of the page.
$(PLAYGROUND)/licences.txt: LICENSE third_party/uplot/LICENSE third_party/musl/COPYRIGHT $(FETCHED)/package-lock.json src/playground/playground.mk
	@mkdir -p $(@D)
	@for file in LICENSE third_party/uplot/LICENSE third_party/musl/COPYRIGHT /usr/share/doc/emscripten/copyright $(FETCHED)/lua/debian/copyright \
	    $(FETCHED)/jansson/debian/copyright $(FETCHED)/csv/debian/copyright $(FETCHED)/csv/COPYING.LESSER \
	    $(FETCHED)/node_modules/codemirror/LICENSE $(FETCHED)/node_modules/@codemirror/*/LICENSE $(FETCHED)/node_modules/@lezer/*/LICENSE \
	    $(FETCHED)/node_modules/@marijn/*/LICENSE $(FETCHED)/node_modules/crelt/LICENSE $(FETCHED)/node_modules/style-mod/LICENSE \
	    $(FETCHED)/node_modules/w3c-keyname/LICENSE; do \
	    [ ! -e "$$file" ] || { printf '== %s\n\n' "$${file##*mbsand-playground/}" && cat "$$file" && echo; }; done >$@

# The editor, with what lua/meta says of every object; and what is there before it, with what the core says of the scenario
# at the beginning.
BUNDLE_JS = NODE_PATH=$(FETCHED)/node_modules $(FETCHED)/node_modules/.bin/esbuild $< --bundle --minify --format=iife --target=es2022 \
    --legal-comments=eof --log-level=warning --outfile=$@
$(PLAYGROUND)/playground.js: $(addprefix src/playground/page/,main.js completions.cjs) $(wildcard lua/meta/*.lua) $(FETCHED)/package-lock.json
	@mkdir -p $(@D) $(WASM)
	@echo "BUNDLE $@"
	@node src/playground/page/completions.cjs $(sort $(wildcard lua/meta/*.lua)) >$(WASM)/completions.json
	@$(BUNDLE_JS) --alias:fetched-completions=$(CURDIR)/$(WASM)/completions.json

$(PLAYGROUND)/begin.js: $(addprefix src/playground/,page/begin.js page/start.cjs core.cjs) $(PLAYGROUND)/core.js $(FETCHED)/package-lock.json
	@mkdir -p $(@D) $(WASM)
	@echo "BUNDLE $@"
	@node src/playground/page/start.cjs $(PLAYGROUND) burst >$(WASM)/start.json
	@$(BUNDLE_JS) --global-name=begun --alias:fetched-start=$(CURDIR)/$(WASM)/start.json

$(WASM)/fetched/%.o: $(FETCHED)/%.c src/playground/playground.mk
	@mkdir -p $(@D)
	@clang $(WASM_CFLAGS) -w -DHAVE_CONFIG_H $(WASM_CPP) -c -o $@ $<

$(WASM)/third_party/musl/%.o: third_party/musl/%.c $(wildcard third_party/musl/*.h) src/playground/playground.mk
	@mkdir -p $(@D)
	@clang $(WASM_CFLAGS) $(MATH_FLAGS) -c -o $@ $<

$(WASM)/%.o: %.c src/playground/playground.mk
	@mkdir -p $(@D)
	@echo "WASM $<"
	@clang $(WASM_CFLAGS) $(WASM_WARN) $(WASM_CPP) -MMD -MP -c -o $@ $<

$(WASM)/src/page/assets.o: src/page/page.js src/page/page.css $(wildcard third_party/uplot/uPlot.*)

# core.wasm, and core.data with the scripts and data that every program has.
$(PLAYGROUND)/core.js: $(WASM_OBJECTS) $(shell find $(WASM_FILES) -type f)
	@mkdir -p $(@D)
	@echo "LINK $(@D)/core.wasm"
	@emcc $(WASM_LINK) $(foreach f,$(WASM_FILES),--preload-file $(f)@/mbsand/$(f)) --exclude-file '*.gz' --exclude-file '*/make_*.lua' \
	    --exclude-file '*/meta/*' -o $@ $(WASM_OBJECTS)

-include $(shell find $(WASM) -name '*.d' 2>/dev/null)
