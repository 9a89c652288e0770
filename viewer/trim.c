/*
 * trim.c: cut a finished trace to what was written.
 *
 * A process that still writes would die of SIGBUS beyond the cut. Pids cannot
 * tell (daemons, namespaces, users we may not look into); the kernel can: it
 * grants a write lease only while nobody else has the file open or mapped for
 * writing, and holds back who opens it until the lease is gone.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/format.h"
#include "trim.h"

/* Bytes up to the last page claimed; 0: leave it alone. */
static off_t claimed(int fd)
{
    struct ft_header header;
    if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header) return 0;
    if (memcmp(header.magic, FT_MAGIC, sizeof header.magic) || header.endian != FT_ENDIAN) return 0;
    if (header.page_size != FT_PAGE || header.next < 1 || header.next - 1 > header.capacity) return 0;
    return (off_t)(header.next * FT_PAGE); /* pages 1 to next - 1, and the header */
}

void trim(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && !fcntl(fd, F_SETLEASE, F_WRLCK)) {
        off_t size = claimed(fd);
        if (size && size < st.st_size && ftruncate(fd, size)) { /* then it stays long */
        }
        fcntl(fd, F_SETLEASE, F_UNLCK);
    }
    close(fd);
}
