// clone <directory> <options> <count> clone|anew: in the directory, so many times, a second read-only view at `view` and its end: a copy of the
// overlay at `mnt` (open_tree, mount_setattr, move_mount), or an overlay of its own with these options; writes to descriptor 3 how many
// nanoseconds that took.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Numbers and constants that older headers do not have, or not beside sys/mount.h.
enum { OPEN_TREE = 428, MOVE_MOUNT = 429, MOUNT_SETATTR = 442 };
enum { CLONE = 1, EMPTY_PATH = 0x1000, FROM_EMPTY_PATH = 4 };
struct attributes {
  unsigned long long set, clear, propagation, userns;
};

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int copy(void) {
  struct attributes attributes = {1, 0, 0, 0};
  int fd = syscall(OPEN_TREE, AT_FDCWD, "mnt", CLONE | O_CLOEXEC);
  if (fd < 0 || syscall(MOUNT_SETATTR, fd, "", EMPTY_PATH, &attributes, sizeof attributes) != 0) return -1;
  int error = syscall(MOVE_MOUNT, fd, "", AT_FDCWD, "view", FROM_EMPTY_PATH);
  close(fd);
  return error;
}

int main(int argc, char **argv) {
  if (argc != 5 || chdir(argv[1]) != 0) return 2;
  int count = atoi(argv[3]), copying = strcmp(argv[4], "clone") == 0;
  long long began = now();
  for (int at = 0; at < count; at++) {
    int error = copying ? copy() : mount("overlay", "view", "overlay", MS_RDONLY, argv[2]);
    if (error != 0) return perror("mount"), 1;
    if (umount2("view", 0) != 0) return perror("umount2"), 1;
  }
  dprintf(3, "%lld\n", now() - began);
  return 0;
}
