/* test_target.c: which executables a preloaded library will not be in: real files, made here. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbols/target.h"

static char directory[64], path[128];

static void begin(void)
{
    strcpy(directory, "/tmp/forktrace-target-XXXXXX");
    cr_assert(mkdtemp(directory));
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_expect_eq(system(command), 0);
}

TestSuite(target, .init = begin, .fini = end);

static const char *file(const char *name, const void *bytes, size_t length, mode_t mode)
{
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    cr_assert(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
    close(fd);
    cr_assert_eq(chmod(path, mode), 0);
    return path;
}

static const char *script(const char *name, const char *text) { return file(name, text, strlen(text), 0755); }

/* An ELF file that is nothing but its headers and, unless NULL, the name of its loader. */
static const char *elf(const char *name, const char *loader, uint16_t machine, uint8_t class, mode_t mode)
{
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr segment;
        char loader[64];
    } image = {0};
    memcpy(image.header.e_ident, ELFMAG, SELFMAG);
    image.header.e_ident[EI_CLASS] = class;
    image.header.e_machine = machine;
    image.header.e_phoff = offsetof(typeof(image), segment);
    image.header.e_phentsize = sizeof image.segment;
    image.header.e_phnum = 1;
    image.segment.p_type = loader ? PT_INTERP : PT_LOAD;
    image.segment.p_offset = offsetof(typeof(image), loader);
    image.segment.p_filesz = loader ? strlen(loader) + 1 : 0;
    if (loader) strcpy(image.loader, loader);
    return file(name, &image, sizeof image, mode);
}

#define GLIBC "/lib64/ld-linux-x86-64.so.2"
#if defined __x86_64__
#define OURS   EM_X86_64
#define OTHERS EM_AARCH64
#else
#define OURS   EM_AARCH64
#define OTHERS EM_X86_64
#endif

Test(target, loaders)
{
    cr_expect_eq(target_why(elf("a", GLIBC, OURS, ELFCLASS64, 0755)), 0);
    cr_expect_eq(target_why(elf("b", "/nix/store/x-glibc/lib/ld-linux-x86-64.so.2", OURS, ELFCLASS64, 0755)),
                 0);
    cr_expect_eq(target_why(elf("c", NULL, OURS, ELFCLASS64, 0755)), FT_BLIND_STATIC);
    cr_expect_eq(target_why(elf("d", "/lib/ld-musl-x86_64.so.1", OURS, ELFCLASS64, 0755)), FT_BLIND_MUSL);
    cr_expect_eq(target_why(elf("e", "/system/bin/linker64", OURS, ELFCLASS64, 0755)), FT_BLIND_LOADER);
    cr_expect_eq(target_why(elf("f", GLIBC, OTHERS, ELFCLASS64, 0755)), FT_BLIND_ARCHITECTURE);
    cr_expect_eq(target_why(elf("g", GLIBC, EM_386, ELFCLASS32, 0755)), FT_BLIND_ARCHITECTURE);
    cr_expect_eq(target_why(elf("ld-linux-x86-64.so.2", NULL, OURS, ELFCLASS64, 0755)), 0);
    cr_expect_eq(target_why("/proc/self/exe"), 0);
    struct target target;
    target_look(elf("h", GLIBC, OURS, ELFCLASS64, 0755), &target);
    cr_expect_eq(target.kind, TARGET_ELF);
    cr_expect_str_eq(target.interpreter, GLIBC);
    cr_expect(target_refuses(FT_BLIND_MUSL) && target_refuses(FT_BLIND_ARCHITECTURE));
    cr_expect_not(target_refuses(FT_BLIND_STATIC) || target_refuses(0));
}

Test(target, scripts)
{
    char text[300];
    struct target target;
    target_look(script("a", "#! /bin/sh -e\n"), &target);
    cr_expect_eq(target.kind, TARGET_SCRIPT);
    cr_expect_str_eq(target.interpreter, "/bin/sh");
    snprintf(text, sizeof text, "#!%s\n", elf("static", NULL, OURS, ELFCLASS64, 0755));
    cr_expect_eq(target_why(script("b", text)), FT_BLIND_STATIC);
    snprintf(text, sizeof text, "#!%s x\n", script("c", text));
    cr_expect_eq(target_why(script("d", text)), FT_BLIND_STATIC); /* through two */
    snprintf(text, sizeof text, "#!%s/e\n", directory);
    cr_expect_eq(target_why(script("e", text)), 0); /* itself: the kernel gives ELOOP */
    memset(text, 'x', sizeof text);
    memcpy(text, "#!/", 3);
    target_look(file("f", text, sizeof text, 0755), &target);
    cr_expect_eq(target.kind, TARGET_OTHER); /* cut: the kernel gives ENOEXEC */
}

Test(target, what_is_no_program)
{
    struct target target;
    static const char *const none[] = {"/", "/nonexistent", "/dev/null", "", NULL};
    for (const char *const *name = none; *name; name++) {
        target_look(*name, &target);
        cr_expect_eq(target.kind, TARGET_UNREADABLE, "%s", *name);
        cr_expect_eq(target.why, 0);
    }
    snprintf(path, sizeof path, "%s/fifo", directory);
    cr_assert_eq(mkfifo(path, 0755), 0);
    target_look(path, &target); /* returns */
    cr_expect_eq(target.kind, TARGET_UNREADABLE);
    target_look(file("short", ELFMAG, 4, 0755), &target);
    cr_expect_eq(target.kind, TARGET_OTHER);
    target_look(file("empty", "", 0, 0755), &target);
    cr_expect_eq(target.kind, TARGET_OTHER);
}

/* Headers that point outside of the file, at everything, at themselves. */
Test(target, hostile_headers)
{
    Elf64_Ehdr header = {.e_machine = OURS, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 0xffff};
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    static const uint64_t offsets[] = {0, 1, 64, 1 << 20, INT64_MAX, UINT64_MAX, UINT64_MAX - 55};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        struct {
            Elf64_Ehdr header;
            Elf64_Phdr segment[4];
        } image = {.header = header};
        image.header.e_phoff = offsets[i];
        for (int s = 0; s < 4; s++)
            image.segment[s] =
                (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = offsets[i], .p_filesz = UINT64_MAX >> s};
        struct target target;
        target_look(file("hostile", &image, sizeof image, 0755), &target);
        cr_expect_eq(target.kind, TARGET_ELF);
        cr_expect_lt(strlen(target.interpreter), sizeof target.interpreter);
    }
}

Test(target, other_rights)
{
    if (getuid()) cr_skip_test("giving a file to another user needs root");
    const char *helper = elf("helper", GLIBC, OURS, ELFCLASS64, 0755);
    cr_assert_eq(chown(helper, 65534, 65534), 0);
    cr_expect_eq(target_why(helper), 0);
    cr_assert_eq(chmod(helper, 04755), 0);
    cr_expect_eq(target_why(helper), FT_BLIND_SETUID);
    cr_assert_eq(chmod(helper, 02755), 0);
    cr_expect_eq(target_why(helper), FT_BLIND_SETUID);
    cr_assert_eq(chmod(helper, 02644), 0); /* without group execute: mandatory locking, once */
    cr_expect_eq(target_why(helper), 0);
    helper = elf("ours", GLIBC, OURS, ELFCLASS64, 04755); /* set-uid to who we are: no other rights */
    cr_expect_eq(target_why(helper), 0);
    cr_assert_eq(seteuid(65534), 0); /* now every exec is one with other rights */
    cr_expect_eq(target_why("/proc/self/exe"), FT_BLIND_SETUID);
}

Test(target, found_as_execvp_does)
{
    char found[256], search[256];
    script("tool", "#!/bin/sh\n");
    file("data", "x", 1, 0644);
    snprintf(search, sizeof search, "/nonexistent:%s:/bin", directory);
    cr_expect(target_find("tool", search, found, sizeof found));
    cr_expect(!strncmp(found, directory, strlen(directory)), "%s", found);
    cr_expect(target_find("sh", search, found, sizeof found));
    cr_expect_str_eq(found, "/bin/sh");
    cr_expect(target_find("sh", NULL, found, sizeof found));
    cr_expect_not(target_find("data", search, found, sizeof found));
    cr_expect_not(target_find("", search, found, sizeof found));
    cr_expect_not(target_find("no-such-tool", search, found, sizeof found));
    cr_expect(target_find("./x", search, found, sizeof found));
    cr_expect_str_eq(found, "./x");
    cr_expect_not(target_find("sh", search, found, 4)); /* does not fit */
    cr_assert_eq(chdir(directory), 0);
    cr_expect(target_find("tool", ":/bin", found, sizeof found));
    cr_expect_str_eq(found, "tool");
}
