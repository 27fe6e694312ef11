// getput <directory> <upper> <options> <count>: what a get and a put of a stack ask of the kernel, so many times: the question whether the upper
// is in use (a throw-away overlay over it with index=on, made and let go), the mount at `mnt`, statx there, umount2; writes to descriptor 3
// how many nanoseconds that took.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// linux/mount.h and sys/mount.h exclude one another.
enum { SET_STRING = 1, CREATE = 6 };

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int set(int context, const char *key, const char *value) {
  return syscall(SYS_fsconfig, context, SET_STRING, key, value, 0);
}

static int ask(const char *upper) {
  char text[64];
  int directory = open(upper, O_PATH | O_CLOEXEC);
  int context = syscall(SYS_fsopen, "tmpfs", 1);
  if (syscall(SYS_fsconfig, context, CREATE, NULL, NULL, 0) != 0) return -1;
  int scratch = syscall(SYS_fsmount, context, 1, 0);
  close(context);
  if (mkdirat(scratch, "upper", 0700) != 0 || mkdirat(scratch, "work", 0700) != 0) return -1;
  context = syscall(SYS_fsopen, "overlay", 1);
  snprintf(text, sizeof text, "/proc/self/fd/%d", directory);
  if (set(context, "lowerdir", text) != 0) return -1;
  snprintf(text, sizeof text, "/proc/self/fd/%d/upper", scratch);
  if (set(context, "upperdir", text) != 0) return -1;
  snprintf(text, sizeof text, "/proc/self/fd/%d/work", scratch);
  if (set(context, "workdir", text) != 0 || set(context, "index", "on") != 0) return -1;
  int error = syscall(SYS_fsconfig, context, CREATE, NULL, NULL, 0);
  close(context);
  close(scratch);
  close(directory);
  return error;
}

int main(int argc, char **argv) {
  struct statx stat;
  if (argc != 5 || chdir(argv[1]) != 0) return 2;
  int count = atoi(argv[4]);
  long long began = now();
  for (int at = 0; at < count; at++) {
    if (ask(argv[2]) != 0) return perror("the question"), 1;
    if (mount("overlay", "mnt", "overlay", 0, argv[3]) != 0) return perror("mount"), 1;
    if (statx(AT_FDCWD, "mnt", AT_NO_AUTOMOUNT, 0, &stat) != 0) return perror("statx"), 1;
    if (umount2("mnt", 0) != 0) return perror("umount2"), 1;
  }
  dprintf(3, "%lld\n", now() - began);
  return 0;
}
