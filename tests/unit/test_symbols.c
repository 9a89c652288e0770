/* test_symbols.c: names, bounds and lines in fresh, stripped, replaced, system and hostile ELF files. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols/symbols.h"

static char directory[64];

static const char source[] = "#include <stdio.h>\n"
                             "#include <stdlib.h>\n"
                             "int counter = 5, zero[100];\n"
                             "__thread int local_to_thread;\n"
                             "static __attribute__((noinline)) int hidden(int x)\n"
                             "{\n"
                             "    return x * (getenv(\"x\") ? 3 : 4);\n" /* line 7 */
                             "}\n"
                             "__attribute__((noinline)) int shown(int x)\n"
                             "{\n"
                             "    zero[x & 63] = x;\n"
                             "    return hidden(x) + hidden(x + 1) + counter;\n"
                             "}\n"
                             "int also_shown(int x) __attribute__((alias(\"shown\")));\n"
                             "static void *choose(void) { return shown; }\n"
                             "int chosen(int x) __attribute__((ifunc(\"choose\")));\n"
                             "int main(int argc, char **argv) { return printf(\"%d\", shown(argc)); }\n";

static void run(const char *format, ...)
{
    char command[1000];
    va_list list;
    va_start(list, format);
    vsnprintf(command, sizeof command, format, list);
    va_end(list);
    cr_assert_eq(system(command), 0, "%s", command);
}

static void setup(void)
{
    strcpy(directory, "/tmp/forktrace-symbols-XXXXXX");
    cr_assert(mkdtemp(directory));
    char path[100];
    snprintf(path, sizeof path, "%s/a.c", directory);
    FILE *f = fopen(path, "w");
    fputs(source, f);
    fclose(f);
    run("cd %s && cc -g -O1 -o debug a.c && cc -O1 -o plain a.c && cc -O1 -rdynamic -Wl,-z,lazy -o stripped "
        "a.c && strip stripped",
        directory);
}

static void teardown(void)
{
    symbols_close_all();
    run("rm -r %s", directory);
}

TestSuite(symbols, .init = setup, .fini = teardown, .timeout = 60);

static struct symbols *fixture(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return symbols_open(path, NULL, 0);
}

static struct symbol address_of(struct symbols *s, const char *name)
{
    struct symbol symbol = {0};
    cr_assert(symbols_address(s, name, &symbol), "%s", name);
    cr_assert_str_eq(symbol.name, name);
    return symbol;
}

Test(symbols, functions_and_objects)
{
    const char *const kinds[] = {"debug", "plain"};
    for (int i = 0; i < 2; i++) {
        struct symbols *s = fixture(kinds[i]);
        cr_assert(s);
        struct symbol hidden = address_of(s, "hidden"), shown = address_of(s, "shown");
        struct symbol zero = address_of(s, "zero"), counter = address_of(s, "counter"), found;
        uint64_t offset;
        cr_assert(hidden.size && !hidden.data && !hidden.plt);
        cr_assert(zero.size == 400 && zero.data && counter.size == 4 && counter.data);
        cr_assert_str_eq(symbols_name(s, hidden.start, &offset), "hidden");
        cr_assert_eq(offset, 0);
        cr_assert_str_eq(symbols_name(s, hidden.start + hidden.size - 1, &offset), "hidden");
        cr_assert_eq(offset, hidden.size - 1);
        cr_assert_str_eq(symbols_name(s, zero.start + 399, &offset), "zero");
        const char *name = symbols_name(s, zero.start + 400, &offset);
        cr_assert(!name || strcmp(name, "zero"));
        cr_assert_str_eq(symbols_name(s, shown.start + 1, &offset), "also_shown", "of equal names the first");
        cr_assert(address_of(s, "chosen").start == address_of(s, "choose").start);
        cr_assert_not(symbols_address(s, "local_to_thread", &found), "an offset, not an address");
        cr_assert_not(symbols_address(s, "printf", &found), "imported");
        cr_assert_not(symbols_address(s, "nonsense", &found));
        cr_assert_null(symbols_name(s, 0x7fffffff0000, &offset));
        cr_assert_eq(offset, 0x7fffffff0000);
        cr_assert_null(symbols_name(s, 0, &offset));
        cr_assert_null(symbols_name(s, UINT64_MAX, &offset));
    }
}

Test(symbols, lines)
{
    struct symbols *s = fixture("debug");
    const char *file;
    int line = 0;
    struct symbol hidden = address_of(s, "hidden");
    bool seven = false;
    for (uint64_t at = hidden.start; at < hidden.start + hidden.size; at++) {
        cr_assert(symbols_line(s, at, &file, &line));
        cr_assert(strlen(file) > 4 && !strcmp(file + strlen(file) - 4, "/a.c"), "%s", file);
        cr_assert(line >= 6 && line <= 8);
        seven |= line == 7;
    }
    cr_assert(seven);
    cr_assert_not(symbols_line(s, 0x7fffffff0000, &file, &line));
    s = fixture("plain");
    cr_assert_not(symbols_line(s, address_of(s, "hidden").start, &file, &line));
}

Test(symbols, lines_of_clang)
{
    if (system("clang --version >/dev/null 2>&1")) cr_skip_test("no clang here");
    run("cd %s && clang -g -O1 -o clang a.c", directory); /* no .debug_aranges, DWARF 5 */
    struct symbols *s = fixture("clang");
    const char *file;
    int line;
    struct symbol hidden = address_of(s, "hidden");
    cr_assert(symbols_line(s, hidden.start, &file, &line));
    cr_assert(line >= 5 && line <= 7);
}

Test(symbols, stripped)
{
    struct symbols *plain, *s = fixture("stripped");
    cr_assert(s);
    run("cd %s && cc -O1 -rdynamic -Wl,-z,lazy -o unstripped a.c", directory);
    plain = fixture("unstripped"); /* the same code */
    struct symbol hidden = address_of(plain, "hidden"), shown = address_of(s, "shown"), found;
    cr_assert_eq(shown.start, address_of(plain, "shown").start);
    cr_assert(symbols_find(s, hidden.start + 3, &found));
    cr_assert_null(found.name, "no name, but bounds");
    cr_assert_eq(found.start, hidden.start);
    cr_assert_eq(found.size, hidden.size);
    uint64_t offset;
    cr_assert_null(symbols_name(s, hidden.start + 3, &offset));
    cr_assert_eq(offset, 3);
    cr_assert_str_eq(symbols_name(s, address_of(s, "counter").start, &offset), "counter");
}

/* Where the stubs are is asked from binutils. */
static void check_stubs(const char *name, const char *flags)
{
    char command[1000], text[100];
    run("cd %s && cc -O1 %s -o %s a.c && strip %s", directory, flags, name, name);
    struct symbols *s = fixture(name);
    snprintf(command, sizeof command,
             "objdump -d -j .plt -j .plt.sec -j .plt.got %s/%s 2>/dev/null | grep '@plt>:'", directory, name);
    FILE *f = popen(command, "r");
    int stubs = 0;
    unsigned long address;
    while (fscanf(f, "%lx <%99[^@]@plt>:", &address, text) == 2) {
        struct symbol found;
        if (strstr(text, "ABS") || *text == '*') continue; /* of an IFUNC of its own: has no name */
        cr_assert(symbols_find(s, address, &found) && found.plt, "%s: %s at %lx", name, text, address);
        cr_assert_str_eq(found.name, text);
        stubs++;
    }
    pclose(f);
    cr_assert(stubs >= 2, "%s: %d stubs", name, stubs);
}

Test(symbols, plt_stubs)
{
#ifndef __x86_64__
    cr_skip_test("x86-64 only");
#endif
    if (system("objdump --version >/dev/null 2>&1")) cr_skip_test("no objdump here");
    check_stubs("lazy", "-Wl,-z,lazy");
    check_stubs("ibt", "-fcf-protection -Wl,-z,lazy -Wl,-z,ibtplt");
    check_stubs("now", "-Wl,-z,now");
    check_stubs("static_address", "-no-pie -Wl,-z,lazy");
}

/* The C library, stripped: what we call ourselves is found where we call it. */
Test(symbols, c_library)
{
    Dl_info info;
    struct link_map *map;
    const char *names[] = {"getpid", "sem_wait", "sem_post", "system", "qsort"};
    for (int i = 0; i < 5; i++) {
        void *real = dlsym(RTLD_DEFAULT, names[i]);
        cr_assert(dladdr1(real, &info, (void **)&map, RTLD_DL_LINKMAP));
        struct symbols *s = symbols_open(map->l_name, NULL, 0);
        cr_assert(s, "%s", map->l_name);
        uint64_t offset;
        const char *name = symbols_name(s, (uint64_t)(uintptr_t)real - map->l_addr, &offset);
        cr_assert_str_eq(name, names[i]);
        cr_assert_eq(offset, 0);
        cr_assert_null(strchr(name, '@'));
    }
}

static size_t build_id(const char *name, uint8_t *id)
{
    char command[300];
    unsigned byte;
    size_t size = 0;
    snprintf(command, sizeof command, "readelf -n %s/%s | sed -n 's/.*Build ID: //p'", directory, name);
    FILE *f = popen(command, "r");
    while (size < 64 && fscanf(f, "%2x", &byte) == 1) id[size++] = (uint8_t)byte;
    pclose(f);
    return size;
}

Test(symbols, a_replaced_file_is_refused)
{
    uint8_t id[64];
    char path[200];
    run("cd %s && cc -O1 -Wl,--build-id=0x0123456789abcdef a.c -o identified", directory);
    size_t size = build_id("identified", id);
    cr_assert_eq(size, 8);
    snprintf(path, sizeof path, "%s/identified", directory);
    struct symbols *s = symbols_open(path, id, size);
    cr_assert(s);
    cr_assert_eq(symbols_open(path, id, size), s, "from the cache");
    cr_assert_null(symbols_open(path, id, size - 1));
    id[3] ^= 1;
    cr_assert_null(symbols_open(path, id, size));
    cr_assert_null(symbols_open(path, id, size), "from the cache");
    cr_assert_null(symbols_open(path, id, 65));
}

Test(symbols, no_elf_files)
{
    char path[200];
    snprintf(path, sizeof path, "%s/a.c", directory);
    cr_assert_null(symbols_open(path, NULL, 0));
    cr_assert_null(symbols_open(NULL, NULL, 0));
    cr_assert_null(symbols_open("", NULL, 0));
    cr_assert_null(symbols_open("[vdso]", NULL, 0));
    cr_assert_null(symbols_open("/nonexistent", NULL, 0));
    cr_assert_null(symbols_open("/tmp", NULL, 0));
    cr_assert_null(symbols_open("/dev/zero", NULL, 0));
    run("mkfifo %s/fifo", directory);
    snprintf(path, sizeof path, "%s/fifo", directory);
    cr_assert_null(symbols_open(path, NULL, 0), "and it does not block");
}

/* Bits flipped and bytes cut off a real file: any answer, no crash, no hang. */
Test(symbols, hostile_files)
{
    static uint8_t good[1 << 20], bad[sizeof good];
    char path[200];
    snprintf(path, sizeof path, "%s/debug", directory);
    int fd = open(path, O_RDONLY);
    ssize_t size = read(fd, good, sizeof good);
    close(fd);
    cr_assert(size > 10000 && size < (ssize_t)sizeof good);
    snprintf(path, sizeof path, "%s/bad", directory);
    srandom(4);
    for (int round = 0; round < 1500; round++) {
        memcpy(bad, good, (size_t)size);
        for (int i = 0; i < 20; i++) {
            long at = random() % 3 ? random() % size : i % 2 ? random() % 64 : size - 1 - random() % 3000;
            bad[at] = (uint8_t)random();
        }
        ssize_t length = round % 3 ? size : random() % size;
        fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0700);
        cr_assert_eq(write(fd, bad, (size_t)length), length);
        close(fd);
        struct symbols *s = symbols_open(path, NULL, 0);
        for (uint64_t at = 0; s && at < 0x5000; at += 37) {
            struct symbol found;
            const char *file;
            int line;
            if (symbols_find(s, at, &found) && found.name) (void)!strlen(found.name);
            if (at % 5 == 0 && symbols_line(s, at, &file, &line)) (void)!strlen(file);
            symbols_address(s, "main", &found);
        }
        symbols_close_all();
    }
}

/* --- C++ and Rust ----------------------------------------------------------------------------- */

Test(symbols, names_as_a_person_writes_them)
{
    static const char *const names[][2] = {
        {"_ZN3app6Server4hitsE", "app::Server::hits"},
        {"_ZN3app12_GLOBAL__N_14hitsE", "app::(anonymous namespace)::hits"},
        {"_ZN3app4PoolIlE4sizeE", "app::Pool<long>::size"},
        {"_ZN3app6Server3runEi", "app::Server::run"},
        {"_ZN3app6Server3runEi@plt", "app::Server::run@plt"},
        {"_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()"},
        {"_ZN4main4pool5start17h0123456789abcdefE", "main::pool::start"},
        {"_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"},
        {"_Zero", "_Zero"},
        {"_ZN", "_ZN"},
        {"counter", "counter"},
        {"", ""}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int again = 0; again < 2; again++) cr_expect_str_eq(symbols_spoken(names[i][0]), names[i][1]);
    cr_expect_null(symbols_spoken(NULL));
}

/* P<int, int>, P<that, that>, ...: 40 steps of a few letters mean 2^40 words. */
Test(symbols, a_short_name_that_means_a_long_one)
{
    char name[1000] = "_Z1fI1PIiiE";
    for (int i = 0; i < 40; i++) {
        char number[] = {(char)(i < 10 ? '0' + i : i < 36 ? 'A' + i - 10 : '0' + i - 36), 0}, word[8];
        snprintf(word, sizeof word, i < 36 ? "S%s_" : "S1%s_", number);
        snprintf(name + strlen(name), sizeof name - strlen(name), "S_I%s%sE", word, word);
    }
    strcat(name, "EvT_");
    const char *said = symbols_spoken(name);
    cr_expect(!strncmp(said, "f<P<int, int>", 13) && strlen(said) < 1100, "%s", said);
    cr_expect_str_eq(said + strlen(said) - 3, "...");
    memset(name, 'N', sizeof name - 1);
    memcpy(name, "_Z", 2);
    cr_expect_eq(symbols_spoken(name), name);
}
