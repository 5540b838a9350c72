# SPDX-License-Identifier: GPL-3.0-or-later
# Everything that is built or measured goes to build/. `make help` lists the targets.
.DEFAULT_GOAL := all
BUILD  ?= build
PREFIX ?= /usr/local
CC     ?= cc
CXX    ?= c++
OPT    ?= -O2 -g

WARN     := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
FLAGS    := $(OPT) $(WARN) $(EXTRA)
CPPFLAGS += -D_GNU_SOURCE -I. -MMD -MP
CFLAGS   := -std=c17 $(FLAGS) $(CFLAGS)
CXXFLAGS := -std=c++17 $(FLAGS) $(CXXFLAGS)
LIBS     := -ljansson -lgsl -lgslcblas -lpcap -lm -pthread

SERVICE := $(wildcard echo/*.c) $(filter-out %/simple_server.c %/simple_client.c,$(wildcard tcp/*.c udp/*.c))
LAB     := $(filter-out bench/main.c,$(wildcard bench/*.c bench/load/*.c bench/measure/*.c bench/link/*.c bench/report/*.c))
MICRO   := $(wildcard bench/micro/*.c) bench/micro/shim.cc
SIMPLE  := tcp-server tcp-client udp-server udp-client
TESTS   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/test_*.c))

object = $(addprefix $(BUILD)/,$(addsuffix .o,$(basename $(1))))
ALL    := $(SERVICE) $(LAB) $(MICRO) bench/main.c $(wildcard tests/*.c tcp/simple_*.c udp/simple_*.c)

.PHONY: all deps bench plots view test tests check crosscheck install clean help lint format
.SECONDARY:

all: $(BUILD)/echolab $(addprefix $(BUILD)/,$(SIMPLE)) ## build everything but tests and benchmarks

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@
$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c $< -o $@
$(BUILD)/bench/measure/environment.o: CPPFLAGS += -DBUILD_FLAGS='"$(strip $(CFLAGS))"'

$(BUILD)/echolab: $(call object,$(SERVICE) $(LAB) bench/main.c)
	$(CC) $(CFLAGS) $^ $(LDFLAGS) $(LIBS) -o $@
$(BUILD)/micro: $(call object,$(SERVICE) $(LAB) $(MICRO))
	$(CXX) $(CXXFLAGS) $^ $(LDFLAGS) -lbenchmark $(LIBS) -o $@
$(BUILD)/tcp-%: $(BUILD)/tcp/simple_%.o $(call object,$(wildcard echo/*.c))
	$(CC) $(CFLAGS) $^ $(LDFLAGS) -o $@
$(BUILD)/udp-%: $(BUILD)/udp/simple_%.o $(call object,$(wildcard echo/*.c))
	$(CC) $(CFLAGS) $^ $(LDFLAGS) -o $@

-include $(patsubst %.o,%.d,$(call object,$(ALL)))

clean: ## remove what was built and measured
	rm -rf $(BUILD)

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 14
