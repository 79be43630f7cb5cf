/* A disk that fails under the record log (src/shell/store/tests/faults.rs), put before libc's own calls with LD_PRELOAD. What the
 * file named by TURNO_EIO begins with decides about files below a folder `log`:
 *   w  pwrite fails with EIO
 *   s  pwrite says that it wrote and did not, and fdatasync and fsync fail with EIO: what a kernel does that drops dirty pages of a bad disk
 *   t  half of what pwrite is given is written, then EIO
 *   0  all is well
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static char mode(int fd)
{
    char link[64], path[4096], said = '0';
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return '0';
    path[length] = 0;
    const char *told = getenv("TURNO_EIO");
    if (!told || !strstr(path, "/log/")) return '0';
    int file = open(told, O_RDONLY);
    if (file < 0) return '0';
    if (read(file, &said, 1) != 1) said = '0';
    close(file);
    return said;
}

/* Files of which a write was dropped and nobody was told yet: the next sync says so, whatever the disk does by then. */
#define FILES 4096
static atomic_char dropped[FILES];

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at)
{
    switch (mode(fd)) {
    case 's':
        if (fd < FILES) atomic_store(&dropped[fd], 1);
        return (ssize_t)count;
    case 't':
        if (count > 1) return syscall(SYS_pwrite64, fd, bytes, count / 2, at);
        /* fall through */
    case 'w':
        errno = EIO;
        return -1;
    default:
        return syscall(SYS_pwrite64, fd, bytes, count, at);
    }
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at)
{
    return pwrite64(fd, bytes, count, at);
}

static int told(int fd)
{
    int was = fd >= 0 && fd < FILES && atomic_exchange(&dropped[fd], 0);
    if (!was && mode(fd) != 's') return 0;
    errno = EIO;
    return 1;
}

int fdatasync(int fd)
{
    return told(fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return told(fd) ? -1 : (int)syscall(SYS_fsync, fd);
}
