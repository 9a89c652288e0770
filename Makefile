# forktrace: make help

PREFIX  ?= /usr/local
DESTDIR ?=
ifeq ($(origin CC),default)
CC      := $(CROSS_COMPILE)gcc
endif
V       ?= 0
# For another machine: make CROSS_COMPILE=aarch64-linux-gnu- (or CC=...); what comes out has a place of its own.
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
B       := build$(if $(filter $(MACHINE),$(shell uname -m)),,/$(MACHINE))

WARN    := -Wall -Wextra -Wshadow -Wimplicit-fallthrough -Wno-unused-parameter -Werror $(if $(findstring clang,$(CC)),,-Wno-missing-attributes)
CFLAGS  ?= -O2 -g
FLAGS   := -std=gnu11 -fno-strict-aliasing $(WARN) -I. -MMD -MP
ifdef SAN
# gcc takes what the sanitizers add for ways a program can go
VIEW_SAN := -fsanitize=address,undefined -fno-omit-frame-pointer $(if $(findstring clang,$(CC)),,-Wno-format-overflow -Wno-format-truncation)
endif
# The library: few mappings (each costs at fork), nothing exported but the hooks, libgcc's unwinder inside.
# Its segments lie on pages of the largest size that the machine's kernels may have: else they do not load it.
SO_PAGE    := $(if $(filter aarch64,$(MACHINE)),65536,4096)
SO_CFLAGS  := -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-plt -fno-semantic-interposition -fexceptions
SO_LDFLAGS := -shared -static-libgcc -Wl,--exclude-libs,ALL -Wl,-z,defs -Wl,-z,now -Wl,-z,nodelete -Wl,-z,initfirst \
              -Wl,-Bsymbolic -Wl,-z,noseparate-code -Wl,-z,max-page-size=$(SO_PAGE) -Wl,-z,norelro -Wl,--hash-style=gnu \
              -Wl,--sort-section=name
SYM_LIBS := -lZydis -ldw -lelf -liberty
LIBS    := -lcjson -lncursesw $(SYM_LIBS)

WRITER   := $(wildcard trace/writer*.c) trace/settings.c
READER   := trace/parallel.c $(wildcard trace/reader*.c)
SO_SRC   := $(WRITER) symbols/target.c $(wildcard preload/*.c preload/*.S preload/*/*.c preload/*/*.S)
LESSONS  := $(sort $(wildcard viewer/lessons/*))
VIEW_SRC := $(filter-out $(LESSONS),$(WRITER) $(READER) $(wildcard symbols/*.c viewer/*.c viewer/*/*.c))
SO_OBJ   := $(patsubst %,$(B)/so/%.o,$(SO_SRC))
VIEW_OBJ := $(patsubst %,$(B)/view/%.o,$(VIEW_SRC)) $(B)/view/lessons.o
FIND_OBJ := $(patsubst %,$(B)/view/%.o,$(wildcard symbols/*.c preload/watch/finder/*.c))

# forktrace-ebpf: the kernel's side is compiled for BPF and becomes a header of the other; only where its tools are.
BPF_CLANG := $(firstword $(shell command -v clang-14 clang))
BPFTOOL   := $(firstword $(shell PATH="$$PATH:/usr/sbin:/sbin"; command -v bpftool))
BPF_MISSING := $(if $(BPF_CLANG),,clang-14) $(if $(BPFTOOL),,bpftool) $(if $(wildcard /usr/include/bpf/libbpf.h),,libbpf-dev)
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Wshadow -Werror -Wno-unused-parameter -I. \
              -D__$(MACHINE)__ -idirafter /usr/include/$(MACHINE)-linux-gnu -MMD -MP
EBPF_OBJ  := $(patsubst %,$(B)/view/%.o,$(filter-out %.bpf.c,$(wildcard ebpf/*.c)) $(WRITER) preload/secret.c preload/python/plain.c \
              $(wildcard symbols/*.c))

Q := $(if $(filter 0,$(V)),@,)
say = $(if $(filter 0,$(V)),@printf '  %-5s %s\n' $(1) $(2),@:)

.DELETE_ON_ERROR:
.PHONY: all lib view ebpf no-ebpf deps demo test lint unit fuzz fixtures witness scenarios screens screenshots golden bench man install clean help format
all: $(B)/libforktrace.so $(B)/forktrace-watch $(B)/forktrace $(if $(strip $(BPF_MISSING)),no-ebpf,ebpf) ## build everything

lib: $(B)/libforktrace.so $(B)/forktrace-watch
view: $(B)/forktrace
ebpf: $(B)/forktrace-ebpf
no-ebpf:
	@echo "forktrace-ebpf is left out, everything else works: not installed here: $(strip $(BPF_MISSING))"

# p_align of the first segment becomes 64 KiB: the kernel maps 16 file pages a fault, at such an address, so what a
# fork child needs of us (the symbol table and the first 40 KB of code) costs it one fault, not three.
$(B)/libforktrace.so: $(SO_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(SO_LDFLAGS) -o $@ $^
	$(Q)printf '\0\0\1' | dd of=$@ bs=1 seek=112 conv=notrunc status=none

$(B)/forktrace: $(VIEW_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(VIEW_SAN) -o $@ $^ $(LIBS)

$(B)/forktrace-ebpf: $(EBPF_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(VIEW_SAN) -o $@ $^ -lbpf $(SYM_LIBS) -lz

$(B)/ebpf/%.bpf.o: ebpf/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(BPF_CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(B)/ebpf/%.skel.h: $(B)/ebpf/%.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name $* >$@

$(B)/view/ebpf/follow.c.o: $(B)/ebpf/forktrace.skel.h
$(B)/view/ebpf/%.o: FLAGS += -I$(B)/ebpf

# The lessons' programs as they are, and a table of their names and texts (viewer/lesson.c).
$(B)/view/lessons.o: $(LESSONS) Makefile
	@mkdir -p $(@D)
	$(call say,CC,viewer/lessons)
	$(Q){ echo '.section .rodata'; n=0; \
	   for f in $(LESSONS); do n=$$((n + 1)); echo "n$$n: .asciz \"$${f##*/}\""; echo "t$$n: .incbin \"$$f\""; echo '.byte 0'; done; \
	   echo '.section .data.rel.ro,"aw"; .balign 8; .globl lesson_files; lesson_files:'; \
	   for i in $$(seq $$n); do echo ".quad n$$i, t$$i"; done; echo '.quad 0, 0'; \
	   echo '.section .note.GNU-stack,"",%progbits'; } | $(CC) -c -x assembler -o $@ -

# What the library runs to find the stores to watched C globals: a disassembler does not belong into the program.
$(B)/forktrace-watch: $(FIND_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(VIEW_SAN) -o $@ $^ $(SYM_LIBS)

$(B)/so/%.o: %
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(FLAGS) $(SO_CFLAGS) $(CFLAGS) -c -o $@ $<

$(B)/view/%.o: %
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(FLAGS) $(VIEW_SAN) $(CFLAGS) -c -o $@ $<

deps: ## install what is missing (Debian, as root)
	$(Q)tests/deps.sh

demo: ## uWSGI with a Flask app: recorded, told and drawn
	$(Q)tests/deps.sh demo
	$(Q)$(MAKE) --no-print-directory all && B=$(B) tests/demo.sh

test: deps ## every test: unit, fixtures, scenarios, screens
	$(Q)$(MAKE) --no-print-directory all && B=$(B) MAKE=$(MAKE) tests/all.sh

scenarios: all ## real servers under the library
	$(Q)B=$(B) tests/scenarios/run.py

screens: all ## what `forktrace view` draws, against the stored screens
	$(Q)B=$(abspath $(B)) tests/golden/screens.sh

screenshots: all ## draw the screens shown in the documentation, from new runs of the real servers
	$(Q)mkdir -p $(B)/stories
	$(Q)B=$(abspath $(B)) /usr/bin/python3 tests/golden/stories.py $(B)/stories uwsgi gunicorn race
	$(Q)for story in uwsgi gunicorn race; do \
	    $(B)/forktrace view --svg --size 100x28 $(B)/stories/$$story.ftrace >man/$$story.svg; done

golden: view ## store the screens as they are drawn now: look at the diff
	$(Q)B=$(abspath $(B)) tests/golden/screens.sh --update

# Fixtures and benchmarks: one program a file; `flags:` in its first comment are for the compiler, `machine:`
# is the one it is written for.
ELSEWHERE := $(shell grep -h -H -m1 '^ \* machine:' tests/fixtures/*.c | grep -v ': $(MACHINE)$$' | cut -d: -f1)
FIXTURES := $(patsubst %.c,$(B)/%,$(filter-out $(ELSEWHERE),$(wildcard tests/fixtures/*.c)))
BENCHES  := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/*.c))
$(FIXTURES) $(BENCHES): $(B)/%: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=gnu11 -O2 -g -D_GNU_SOURCE $(WARN) -Wno-deprecated-declarations -I. -MMD -MP -pthread -rdynamic -o $@ $< $$(sed -n '1,20s/^ \* flags: //p' $<)

fixtures: all $(FIXTURES) $(B)/tests/bench/weigh $(B)/tests/bench/writes ## programs behave the same with and without the library
	$(Q)/usr/bin/python3 tests/fixtures/run.py --build $(B)

witness: all $(FIXTURES) ## the fixtures again with the kernel as a second witness: those about births, ends and signals
	$(Q)/usr/bin/python3 tests/fixtures/run.py --ebpf --build $(B) ebpf: tree.c fork clone.c daemon.c exec_in spawn.c \
	    static_child system.c thread_crowd threads.c unseen.c vfork.c signals.c reaping.c setuid.c chroot py_subprocess pipeline "ebpf python"

bench: all $(BENCHES) $(FIXTURES) $(B)/tests/frames ## cost, next to the peers installed here: a quarter of an hour on a quiet machine (BENCH=--quick: does it work?)
	$(Q)/usr/bin/python3 tests/bench/all.py --build $(B) $(BENCH)

# One program of all unit tests, with every object of the viewer but its main(), and the writer.
UNIT_OBJ := $(patsubst %,$(B)/view/%.o,$(wildcard tests/unit/*.c) $(WRITER)) $(filter-out $(B)/view/viewer/main.c.o,$(VIEW_OBJ))
$(B)/tests/unit: $(UNIT_OBJ)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(VIEW_SAN) -o $@ $^ $(LIBS) -lcriterion -pthread

$(B)/tests/seeds: $(B)/view/tests/tools/seeds.c.o $(patsubst %,$(B)/view/%.o,$(WRITER))
$(B)/tests/fuzz_reader: $(B)/view/tests/fuzz/fuzz_reader.c.o $(B)/view/tests/fuzz/replay.c.o $(patsubst %,$(B)/view/%.o,$(READER))
$(B)/tests/fuzz_timeline: $(B)/view/tests/fuzz/fuzz_timeline.c.o $(B)/view/tests/fuzz/replay.c.o $(patsubst %,$(B)/view/%.o,$(READER) $(wildcard viewer/timeline/*.c))
$(B)/tests/seeds $(B)/tests/fuzz_reader $(B)/tests/fuzz_timeline:
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(VIEW_SAN) -o $@ $^

unit: $(B)/tests/unit $(B)/tests/seeds $(B)/tests/fuzz_reader $(B)/tests/fuzz_timeline ## the parts, each for itself
	$(Q)$(B)/tests/unit --jobs 2
	$(Q)$(B)/tests/seeds $(B)/seeds
	$(Q)for f in reader timeline; do $(B)/tests/fuzz_$$f $(B)/seeds/* $(wildcard tests/golden/*.ftrace) || exit 1; done

FUZZ ?= reader
FUZZ_SRC_finder = $(wildcard symbols/*.c) $(filter-out %/main.c,$(wildcard preload/watch/finder/*.c))
FUZZ_SRC = $(or $(FUZZ_SRC_$(FUZZ)),$(READER) $(wildcard viewer/timeline/*.c))
ifeq ($(FUZZ),finder)
FUZZ_SEEDS = $(filter $(B)/tests/fixtures/watch%,$(FIXTURES))
fuzz: $(FUZZ_SEEDS)
endif
fuzz: $(B)/tests/seeds ## hostile traces: FUZZ=reader or timeline, or programs: finder; FUZZ_SECONDS=60 (clang)
	$(Q)mkdir -p $(B)/seeds $(B)/corpus-$(FUZZ) $(B)/seeds-$(FUZZ) && $(B)/tests/seeds $(B)/seeds
	$(Q)cp $(or $(FUZZ_SEEDS),$(B)/seeds/* $(wildcard tests/golden/*.ftrace)) $(B)/seeds-$(FUZZ)
	$(Q)clang -std=gnu11 -O1 -g -fno-strict-aliasing -I. -fsanitize=fuzzer,address,undefined -o $(B)/tests/fuzz-$(FUZZ) \
	    tests/fuzz/fuzz_$(FUZZ).c $(FUZZ_SRC) $(if $(FUZZ_SRC_$(FUZZ)),$(SYM_LIBS))
	$(Q)ASAN_OPTIONS=detect_leaks=0 $(B)/tests/fuzz-$(FUZZ) -max_total_time=$(or $(FUZZ_SECONDS),60) -max_len=200000 \
	    -artifact_prefix=$(B)/ $(B)/corpus-$(FUZZ) $(B)/seeds-$(FUZZ)

$(B)/tests/dump: $(patsubst %,$(B)/view/%.o,$(wildcard tests/tools/dump/*.c)) $(patsubst %,$(B)/view/%.o,$(READER))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(VIEW_SAN) -o $@ $^

# What each key of the viewer costs (tests/bench/view.py).
$(B)/tests/frames: $(B)/view/tests/tools/frames.c.o $(filter-out $(B)/view/viewer/main.c.o,$(VIEW_OBJ))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(VIEW_SAN) -o $@ $^ $(LIBS)

man: view ## write the tables of rules and keys in man/forktrace.1 anew
	$(Q)B=$(B) tests/tools/man_tables.py --update

install: all ## into $(DESTDIR)$(PREFIX)
	$(Q)install -D -m 755 $(B)/forktrace $(DESTDIR)$(PREFIX)/bin/forktrace
	$(Q)if [ -e $(B)/forktrace-ebpf ]; then install -D -m 755 $(B)/forktrace-ebpf $(DESTDIR)$(PREFIX)/bin/forktrace-ebpf; fi
	$(Q)install -D -m 755 $(B)/libforktrace.so $(DESTDIR)$(PREFIX)/lib/forktrace/libforktrace.so
	$(Q)install -D -m 755 $(B)/forktrace-watch $(DESTDIR)$(PREFIX)/lib/forktrace/forktrace-watch
	$(Q)install -D -m 644 man/forktrace.1 $(DESTDIR)$(PREFIX)/share/man/man1/forktrace.1

clean: ## remove build/
	$(Q)rm -rf $(B)

# Fixtures and lessons are as bad as what they show.
lint: $(if $(strip $(BPF_MISSING)),,$(B)/ebpf/forktrace.skel.h) ## clang looks at what gcc has built, shellcheck at the scripts where it is
	$(Q)find trace symbols preload ebpf viewer tests/unit tests/tools tests/fuzz -name '*.c' ! -path '*/lessons/*' ! -name '*.bpf.c' \
	    $(if $(strip $(BPF_MISSING)),! -path 'ebpf/*') -print0 | \
	    xargs -0 -P2 -n20 $(BPF_CLANG) -fsyntax-only -std=gnu11 $(filter-out -Wno-missing-attributes,$(WARN)) -I. -I$(B)/ebpf
	$(Q)if command -v shellcheck >/dev/null; then shellcheck .ci/run tests/*.sh tests/golden/*.sh; fi

format: ## clang-format every source
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

-include $(SO_OBJ:.o=.d) $(VIEW_OBJ:.o=.d) $(FIND_OBJ:.o=.d) $(EBPF_OBJ:.o=.d) $(B)/ebpf/forktrace.bpf.d $(UNIT_OBJ:.o=.d) $(wildcard $(B)/view/tests/*/*.d $(B)/view/tests/*/*/*.d) $(FIXTURES:=.d) $(BENCHES:=.d)
