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
# _FORTIFY_SOURCE reaches the calls by other names, past the tests' --wrap.
CPPFLAGS += -U_FORTIFY_SOURCE -D_GNU_SOURCE -I. -MMD -MP
CFLAGS   := -std=c17 $(FLAGS) $(CFLAGS)
CXXFLAGS := -std=c++17 $(FLAGS) $(CXXFLAGS)
Q        := $(if $(V),,@)
LIBS     := -ljansson -lgsl -lgslcblas -lpcap -lm -pthread

SERVICE := $(wildcard echo/*.c udp/batch/*.c) $(filter-out %/simple_server.c %/simple_client.c,$(wildcard tcp/*.c udp/*.c))
LAB     := $(filter-out bench/micro/%,$(wildcard bench/*/*.c))
MICRO   := $(wildcard bench/micro/*.c) bench/micro/shim.cc
SIMPLE  := tcp-server tcp-client udp-server udp-client
SUPPORT := $(filter-out tests/test_%,$(wildcard tests/*.c))
NAMES   := $(basename $(notdir $(wildcard tests/test_*.c)))
# what has threads of its own is worth ThreadSanitizer's time
TESTS   := $(addprefix $(BUILD)/tests/,$(if $(THREADED),$(filter test_contract test_server,$(NAMES)),$(NAMES)))
SOURCES := $(wildcard echo/*.[ch] tcp/*.[ch] udp/*.[ch] udp/*/*.[ch] bench/*.[ch] bench/*/*.[ch] tests/*.[ch])

comma  := ,
object = $(addprefix $(BUILD)/,$(addsuffix .o,$(basename $(1))))
ALL    := $(SERVICE) $(LAB) $(MICRO) bench/main.c $(wildcard tests/*.c tcp/simple_*.c udp/simple_*.c)

PACKAGES := gcc g++ make pkg-config libbenchmark-dev hyperfine libcmocka-dev gnuplot-nox fonts-dejavu-core \
            libgsl-dev libjansson-dev libpcap-dev strace python3 python3-jsonschema util-linux
CHECKERS := clang clang-format clang-tidy cppcheck libclang-rt-14-dev

.PHONY: FORCE all deps bench plots view gallery test tests check format lint sanitize rooms checkers simulate sessions crosscheck install clean help
.SECONDARY:

all: $(BUILD)/echolab $(addprefix $(BUILD)/,$(SIMPLE)) ## build the programs

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@
$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	@echo "  CXX   $<"
	$(Q)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c $< -o $@
# The commit is compiled into one object, which alone follows it.
COMMIT := $(shell git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null)
$(BUILD)/bench/measure/environment.o: CPPFLAGS += -DBUILD_FLAGS='"$(strip $(CFLAGS))"' -DBUILD_COMMIT='"$(COMMIT)"'
$(BUILD)/bench/measure/environment.o: $(BUILD)/commit
$(BUILD)/bench/report/report.o: bench/report/page.html plots/plan.tsv # compiled in
$(BUILD)/bench/experiment/history.o: plots/history.gp # likewise
$(BUILD)/commit: FORCE
	@mkdir -p $(@D); echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' > $@

$(BUILD)/echolab: $(call object,$(SERVICE) $(LAB) bench/main.c)
$(BUILD)/micro: $(call object,$(SERVICE) $(LAB) $(MICRO))
$(BUILD)/tcp-% $(BUILD)/udp-%: LIBS :=
$(BUILD)/tcp-%: $(BUILD)/tcp/simple_%.o $(call object,$(wildcard echo/*.c)) ; $(link)
$(BUILD)/udp-%: $(BUILD)/udp/simple_%.o $(call object,$(wildcard echo/*.c)) ; $(link)
# The table of parameters with one row more, for the test that it is all there is to write.
MORE := {.option = "probe", .argument = "N", .form = FORM_COUNT, .field = AT(NULL, UNSIGNED, idle), \
        .least = 1, .most = 10, .usual = "3", .identity = true, .takes = {{BY_LOADS, "how deep to probe (3)"}}},
$(BUILD)/tests/parameters_more.c: bench/run/parameters.c Makefile
	@mkdir -p $(@D)
	@sed 's|^const struct parameter parameters.*|&\n$(MORE)|' $< > $@
$(BUILD)/tests/test_parameter: $(BUILD)/tests/test_parameter.o $(BUILD)/tests/parameters_more.o \
    $(filter-out %/run/parameters.o,$(call object,$(SERVICE) $(LAB) $(SUPPORT))) ; $(link)
$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(call object,$(SERVICE) $(LAB) $(SUPPORT)) ; $(link)
$(TESTS): LIBS += -lcmocka
WRAPPED := send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg connect accept4 socket bind listen setsockopt \
           malloc calloc realloc pthread_create ppoll socketpair fork
$(BUILD)/tests/test_faults: LDFLAGS += $(addprefix -Wl$(comma)--wrap=,$(WRAPPED))
$(BUILD)/micro: LIBS += -lbenchmark
$(BUILD)/echolab: ; $(link)
$(BUILD)/micro: ; $(subst $(CC),$(CXX),$(link))
# The build id is how a result file tells which program it was.
link = @echo "  LINK  $@"; $(CC) $(OPT) $(EXTRA) $^ -Wl,--build-id $(LDFLAGS) $(LIBS) -o $@

deps: ## install what building, measuring and testing need (Debian)
	@echo "installing with apt-get: $(PACKAGES)"
	@$(if $(filter 0,$(shell id -u)),,sudo) sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(PACKAGES)'

bench: $(BUILD)/echolab $(BUILD)/micro ## measure and draw everything (QUICK=1: 2 min, FULL=1: 30 min)
	@exec env BUILD=$(BUILD) bench/bench.sh

plots: $(BUILD)/echolab ## draw the last results again
	@plots/draw.sh $(BUILD) $(BUILD)/report

view: $(BUILD)/echolab ## show the last results: the page, or drawings in the terminal without a display
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] && command -v xdg-open > /dev/null; then \
	    xdg-open $(BUILD)/report/index.html; else plots/draw.sh $(BUILD) $(BUILD)/report dumb; fi

gallery: plots ## the pictures of the last results, and their data, to plots/gallery (of FULL=1, to be of use)
	@rm -f plots/gallery/*.png plots/gallery/*.tsv
	@cp $(BUILD)/report/*.png $(BUILD)/data/*.tsv plots/gallery/

tests: all $(TESTS)
EXACT := $(filter %test_wire %test_anatomy,$(TESTS))
# Begun first, so that none of them is left over at the end.
LONG  := $(filter %test_session %test_faults %test_page %test_per_connection %test_sweep,$(TESTS))
# One more program: what was found wrong once, tried on the program itself. It is not built with sanitizers.
REGRESSIONS := $(if $(EXTRA),,$(BUILD)/tests/regressions)
$(BUILD)/tests/regressions: tests/regressions/run.sh ; @mkdir -p $(@D); printf '#!/bin/sh\nE="%s" exec "%s"\n' '$(BUILD)/echolab' '$<' > $@; chmod +x $@
test: tests $(REGRESSIONS) ## run the tests, all of them
	@BUILD=$(BUILD) tests/run.sh $(REGRESSIONS) -- $(EXACT) -- $(LONG) $(filter-out $(EXACT) $(LONG),$(TESTS))

check: rooms format lint sanitize ## order of rooms, format, clang-tidy, cppcheck, and the tests under sanitizers
rooms:
	tests/rooms.sh
format:
	clang-format --dry-run --Werror $(SOURCES)
lint: all
	printf '%s\n' $(filter %.c,$(SOURCES)) | xargs -P 2 -n 1 sh -c 'clang-tidy --quiet $$0 -- -std=c17 -D_GNU_SOURCE -I. 2>/dev/null'
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr --suppress=unknownMacro --suppress=ctuuninitvar -I. -D_GNU_SOURCE $(filter %.c,$(SOURCES))
	$(MAKE) --no-print-directory BUILD=$(BUILD)/clang CC=clang CXX=clang++ all
sanitize:
	$(MAKE) --no-print-directory BUILD=$(BUILD)/asan OPT="-O1 -g" EXTRA="-fsanitize=address,undefined -fno-sanitize-recover=all" test
	$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan OPT="-O1 -g" EXTRA="-fsanitize=thread" THREADED=1 test

crosscheck: $(BUILD)/echolab ## other tools beside ours, those that are installed or named
	@$(BUILD)/echolab crosscheck --json $(BUILD)/crosscheck.json

install: all ## copy the programs to $(DESTDIR)$(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/bin
	install $(BUILD)/echolab $(addprefix $(BUILD)/,$(SIMPLE)) $(DESTDIR)$(PREFIX)/bin

checkers:
	@echo $(CHECKERS)

simulate: $(BUILD)/tests/test_estimate ## what the estimates hold, and find, in noise of known shapes
	@$< table

sessions: $(BUILD)/echolab ## N=6 core comparisons with counts for echolab diff, to the folder TO=build/sessions
	@to=$(or $(TO),$(BUILD)/sessions); mkdir -p $$to; for i in $$(seq $(or $(N),6)); do \
	    $(BUILD)/echolab compare --counts --json $$to/$$(date +%Y%m%d-%H%M%S)-$$i.json || exit 1; done

clean: ## remove all that was built and measured
	rm -rf $(BUILD)

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 12

-include $(patsubst %.o,%.d,$(call object,$(ALL)))
