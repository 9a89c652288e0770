/*
 * target.c: see target.h. What the kernel's exec and the loader will decide,
 * read from the first bytes of the file (binfmt_elf.c, binfmt_script.c), its
 * mode and its capabilities (security/commoncap.c).
 */
#define _GNU_SOURCE
#include "target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "trace/syscall.h"

#define FIRST_BYTES 256 /* BINPRM_BUF_SIZE: what the kernel looks at */
#define SCRIPTS     5   /* one may be the interpreter of the next (exec_binprm) */
#define SEGMENTS    64

/* --- other rights ------------------------------------------------------------------------------- */

static bool no_new_rights(int fd)
{
    struct statfs fs;
    if (ft_syscall(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) > 0) return true;
    return !ft_syscall(SYS_fstatfs, fd, &fs) && (fs.f_flags & ST_NOSUID);
}

/* AT_SECURE: the new effective ids are not the old real ones, or the file brings capabilities. */
static enum ft_blind_why rights(int fd, const struct stat *st)
{
    uid_t user = (uid_t)ft_syscall(SYS_getuid), as_user = (uid_t)ft_syscall(SYS_geteuid);
    gid_t group = (gid_t)ft_syscall(SYS_getgid), as_group = (gid_t)ft_syscall(SYS_getegid);
    bool set_group = (st->st_mode & S_ISGID) && (st->st_mode & S_IXGRP);
    if (((st->st_mode & S_ISUID) || set_group) && !no_new_rights(fd)) {
        if (st->st_mode & S_ISUID) as_user = st->st_uid;
        if (set_group) as_group = st->st_gid;
    }
    if (as_user != user || as_group != group) return FT_BLIND_SETUID;
    char capabilities[64];
    if (user && ft_syscall(SYS_fgetxattr, fd, "security.capability", capabilities, sizeof capabilities) > 0 &&
        !no_new_rights(fd))
        return FT_BLIND_CAPABILITIES;
    return 0;
}

/* --- ELF ---------------------------------------------------------------------------------------- */

#if defined __x86_64__
#define OUR_MACHINE EM_X86_64
#elif defined __aarch64__
#define OUR_MACHINE EM_AARCH64
#else
#define OUR_MACHINE EM_NONE
#endif
#define OUR_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

/* The loader's path into `interpreter`; false: the file names none. */
static bool find_loader(int fd, const Elf64_Ehdr *header, char *interpreter, size_t room)
{
    for (unsigned i = 0; i < header->e_phnum && i < SEGMENTS; i++) {
        Elf64_Phdr segment;
        long at = (long)(header->e_phoff + (uint64_t)i * header->e_phentsize);
        if (ft_syscall(SYS_pread64, fd, &segment, sizeof segment, at) != sizeof segment) return false;
        if (segment.p_type != PT_INTERP) continue;
        long length = ft_syscall(SYS_pread64, fd, interpreter, room - 1, segment.p_offset);
        if (length <= 0) return false;
        interpreter[(uint64_t)length < segment.p_filesz ? (size_t)length : segment.p_filesz] = 0;
        return *interpreter;
    }
    return false;
}

static const char *base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_glibc_loader(const char *path)
{
    const char *name = base(path); /* ld-linux-x86-64.so.2, ld64.so.1, ld-2.31.so */
    return !strncmp(name, "ld-linux", 8) || !strncmp(name, "ld64.so", 7) || !strncmp(name, "ld.so", 5) ||
           !strncmp(name, "ld-2.", 5);
}

static enum ft_blind_why look_elf(int fd, const char *path, const char *bytes, struct target *target)
{
    Elf64_Ehdr header;
    memcpy(&header, bytes, sizeof header);
    if (header.e_ident[EI_CLASS] != OUR_CLASS || header.e_machine != OUR_MACHINE)
        return FT_BLIND_ARCHITECTURE;
    if (header.e_phentsize != sizeof(Elf64_Phdr)) return 0; /* the kernel will refuse it */
    if (!find_loader(fd, &header, target->interpreter, sizeof target->interpreter)) {
        *target->interpreter = 0;
        /* The loader itself, called with a program as its argument, heeds LD_PRELOAD. */
        return is_glibc_loader(path) ? 0 : FT_BLIND_STATIC;
    }
    if (!strncmp(base(target->interpreter), "ld-musl", 7)) return FT_BLIND_MUSL;
    return is_glibc_loader(target->interpreter) ? 0 : FT_BLIND_LOADER;
}

/* --- scripts ------------------------------------------------------------------------------------ */

/* The first word after #!. */
static bool look_script(const char *bytes, size_t length, struct target *target)
{
    size_t start = 2, end;
    while (start < length && (bytes[start] == ' ' || bytes[start] == '\t')) start++;
    for (end = start; end < length && !strchr(" \t\n", bytes[end]); end++) {
    }
    if (end == start || end == length || end - start >= sizeof target->interpreter) return false;
    memcpy(target->interpreter, bytes + start, end - start);
    target->interpreter[end - start] = 0;
    return true;
}

/* --- the file ----------------------------------------------------------------------------------- */

static void look(int fd, const char *path, const struct stat *st, struct target *target)
{
    char bytes[FIRST_BYTES] __attribute__((aligned(8)));
    long length = ft_syscall(SYS_pread64, fd, bytes, sizeof bytes, 0);
    target->kind = length < 0 ? TARGET_UNREADABLE : TARGET_OTHER;
    if (length >= (long)sizeof(Elf64_Ehdr) && !memcmp(bytes, ELFMAG, SELFMAG)) {
        target->kind = TARGET_ELF;
        target->why = look_elf(fd, path, bytes, target);
        if (!target->why) target->why = rights(fd, st);
    } else if (length > 2 && bytes[0] == '#' && bytes[1] == '!' &&
               look_script(bytes, (size_t)length, target)) {
        target->kind = TARGET_SCRIPT;
    }
}

void target_look(const char *path, struct target *target)
{
    struct stat st;
    target->kind = TARGET_UNREADABLE;
    target->why = 0;
    *target->interpreter = 0;
    /* Never wait for a fifo, nor wake a device. */
    if (ft_syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0) || !S_ISREG(st.st_mode)) return;
    long fd = ft_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return;
    look((int)fd, path, &st, target);
    ft_syscall(SYS_close, fd);
}

enum ft_blind_why target_why(const char *path)
{
    struct target target;
    char next[sizeof target.interpreter];
    for (int i = 0; i <= SCRIPTS; i++) {
        target_look(path, &target);
        if (target.kind != TARGET_SCRIPT) return target.why;
        memcpy(next, target.interpreter, sizeof next);
        path = next;
    }
    return 0;
}

bool target_refuses(enum ft_blind_why why)
{
    return why == FT_BLIND_MUSL || why == FT_BLIND_LOADER || why == FT_BLIND_ARCHITECTURE;
}

/* --- PATH --------------------------------------------------------------------------------------- */

static bool may_execute(const char *path)
{
    struct stat st;
    if (ft_syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0) || !S_ISREG(st.st_mode)) return false;
    long error = ft_syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS); /* 5.8 */
    return error == -ENOSYS || error == -EPERM ? st.st_mode & 0111 : !error;
}

bool target_find(const char *name, const char *path, char *found, size_t room)
{
    size_t name_length = strlen(name);
    if (strchr(name, '/')) {
        if (name_length >= room) return false;
        memcpy(found, name, name_length + 1);
        return true;
    }
    if (!*name) return false;
    if (!path) path = "/bin:/usr/bin";
    for (;; path++) {
        const char *end = strchrnul(path, ':');
        size_t length = (size_t)(end - path);
        if (length + name_length + 2 <= room) {
            char *at = mempcpy(found, path, length); /* an empty entry is the current directory */
            if (length) *at++ = '/';
            memcpy(at, name, name_length + 1);
            if (may_execute(found)) return true;
        }
        if (!*end) return false;
        path = end;
    }
}
