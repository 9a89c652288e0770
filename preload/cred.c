/*
 * cred.c: changes of user, group and root directory. Before root drops its
 * rights the trace file is handed to the new owner, so that an image executed
 * later can open it again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "readable.h"
#include "self.h"

#define KEEP ((unsigned)-1)

/* True if the file changed hands: to be taken back should the drop fail. */
static bool hand_over(unsigned uid, unsigned gid)
{
    if ((uid == KEEP || uid == 0) && (gid == KEEP || gid == 0)) return false;
    if (!me() || syscall(SYS_geteuid)) return false;
    int error = ft_writer_chown(&ft, uid, gid);
    if (error) self_note(FT_NOTE_NO_HANDOVER, strerrorname_np(-error));
    return !error;
}

/* Keeps errno. */
static void record_cred(enum ft_cred_api api, uint64_t site, int error, const uint32_t ids[4])
{
    int saved = errno;
    ft_ref task = me();
    struct ft_cred *record = task ? ft_begin(&ft, FT_CRED, sizeof *record, task) : NULL;
    if (record) {
        record->site = site;
        record->api = api;
        record->error = error;
        memcpy(record->ids, ids, sizeof record->ids);
        ft_commit(record);
    }
    errno = saved;
}

/* A call of one of the families: hand over, call, take back, record. */
#define CHANGE(name, uid, gid, call, ...)                                                         \
    int before = errno;                                                                           \
    bool given = hand_over(uid, gid);                                                             \
    errno = before;                                                                               \
    int result = call;                                                                            \
    int error = result ? errno : 0;                                                               \
    if (error && given) ft_writer_chown(&ft, (uid) == KEEP ? KEEP : 0, (gid) == KEEP ? KEEP : 0); \
    record_cred(FT_CRED_##name, SITE(), error, (const uint32_t[4]){__VA_ARGS__});                 \
    return result

HOOK(int, setuid, (uid_t uid)) { CHANGE(setuid, uid, KEEP, REAL(setuid)(uid), uid); }
HOOK(int, setgid, (gid_t gid)) { CHANGE(setgid, KEEP, gid, REAL(setgid)(gid), gid); }
HOOK(int, seteuid, (uid_t uid)) { CHANGE(seteuid, uid, KEEP, REAL(seteuid)(uid), uid); }
HOOK(int, setegid, (gid_t gid)) { CHANGE(setegid, KEEP, gid, REAL(setegid)(gid), gid); }

HOOK(int, setreuid, (uid_t real, uid_t effective))
{
    CHANGE(setreuid, effective, KEEP, REAL(setreuid)(real, effective), real, effective);
}

HOOK(int, setregid, (gid_t real, gid_t effective))
{
    CHANGE(setregid, KEEP, effective, REAL(setregid)(real, effective), real, effective);
}

HOOK(int, setresuid, (uid_t real, uid_t effective, uid_t saved))
{
    CHANGE(setresuid, effective, KEEP, REAL(setresuid)(real, effective, saved), real, effective, saved);
}

HOOK(int, setresgid, (gid_t real, gid_t effective, gid_t saved))
{
    CHANGE(setresgid, KEEP, effective, REAL(setresgid)(real, effective, saved), real, effective, saved);
}

/* ids: how many groups and the first three of them */
HOOK(int, setgroups, (size_t count, const gid_t *groups))
{
    uint32_t ids[4] = {(uint32_t)count};
    for (size_t i = 0; i < count && i < 3 && readable(groups + i); i++) ids[1 + i] = groups[i];
    CHANGE(setgroups, KEEP, KEEP, REAL(setgroups)(count, groups), ids[0], ids[1], ids[2], ids[3]);
}

/* ids: the group, and the reference of the user's name */
HOOK(int, initgroups, (const char *user, gid_t group))
{
    ft_ref task = me(), name = task && user ? ft_string(&ft, user, strlen(user), task) : 0;
    CHANGE(initgroups, KEEP, KEEP, REAL(initgroups)(user, group), group, name);
}

HOOK(int, chroot, (const char *path))
{
    ft_ref task = me(), name = task && readable(path) ? ft_string(&ft, path, strlen(path), task) : 0;
    CHANGE(chroot, KEEP, KEEP, REAL(chroot)(path), name);
}
