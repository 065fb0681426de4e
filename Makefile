# mbsand: build, run, test, install. `make help` lists the targets.
LUA    ?= 5.4
PREFIX ?= /usr/local
DESTDIR ?=
BUILD  ?= release
CC     ?= gcc
VERSION := 0.1.0

ifeq ($(LUA),luajit)
  LUA_PC := luajit
else
  LUA_PC := lua$(LUA)
endif

# One folder per combination, so that switching never mixes objects.
OUT := build/$(LUA_PC)-$(BUILD)-$(notdir $(firstword $(CC)))
DATADIR := $(PREFIX)/share/mbsand

WARNINGS := -std=c17 -Wall -Wextra -Wconversion -Wshadow -Werror
FLAGS_release := -O2 -g -DNDEBUG
FLAGS_debug   := -O1 -g -DMB_DEBUG -fno-omit-frame-pointer
FLAGS_asan    := $(FLAGS_debug) -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_tsan    := -O1 -g -DMB_DEBUG -fsanitize=thread
MODE    := $(FLAGS_$(BUILD))
PACKAGES := $(LUA_PC) jansson zlib
CPPFLAGS_ALL := -D_POSIX_C_SOURCE=200809L -Isrc -DMB_VERSION='"$(VERSION)"' -DMB_DATADIR='"$(DATADIR)"' \
                $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null) $(CPPFLAGS)
CFLAGS_ALL := $(WARNINGS) $(MODE) $(CFLAGS)
LDLIBS_ALL := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lcsv -lpthread -lm $(LDFLAGS)

SOURCES := $(sort $(wildcard src/*/*.c))
OBJECTS := $(SOURCES:src/%.c=$(OUT)/%.o)
CORE    := $(filter-out $(OUT)/cli/main.o,$(OBJECTS))
UNIT_SOURCES := $(sort $(wildcard tests/unit/test_*.c))
UNIT    := $(UNIT_SOURCES:tests/unit/%.c=$(OUT)/tests/%)

.PHONY: all unit help
all: $(OUT)/mbsand

$(OUT)/mbsand: $(OBJECTS)
	@echo "LINK $@"
	@$(CC) $(MODE) -o $@ $^ $(LDLIBS_ALL)
	@ln -sfn ../$@ build/mbsand

$(OUT)/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(OUT)/tests/%: tests/unit/%.c $(CORE)
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -o $@ $< $(CORE) $(LDLIBS_ALL) -lcmocka

unit: $(UNIT)
	@for t in $(UNIT); do $$t || exit 1; done

-include $(OBJECTS:.o=.d) $(UNIT:=.d)
