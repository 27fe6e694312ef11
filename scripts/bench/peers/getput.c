// getput <root> <id> <layers> <count>: what a get and a put of a layer ask of the kernel, so many times: the question whether the upper is in use
// (a throw-away overlay over it with index=on, made and let go), the overlay of so many layers below it, by the calls that take paths of any
// length together (lowerdir+), statfs, umount2; writes to descriptor 3 how many nanoseconds that took.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
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

static int mount_layers(const char *root, const char *id, int layers, const char *target) {
  char path[4096];
  int context = syscall(SYS_fsopen, "overlay", 1);
  set(context, "source", "overlay");
  set(context, "index", "off");
  set(context, "metacopy", "off");
  set(context, "redirect_dir", "off");
  for (int at = layers - 1; at >= 0; at--) {
    snprintf(path, sizeof path, "%s/diff/l%d", root, at);
    if (set(context, "lowerdir+", path) != 0) return -1;
  }
  snprintf(path, sizeof path, "%s/diff/%s", root, id);
  if (set(context, "upperdir", path) != 0) return -1;
  snprintf(path, sizeof path, "%s/work/%s", root, id);
  if (set(context, "workdir", path) != 0) return -1;
  if (syscall(SYS_fsconfig, context, CREATE, NULL, NULL, 0) != 0) return -1;
  int mount = syscall(SYS_fsmount, context, 1, 0);
  close(context);
  int error = syscall(SYS_move_mount, mount, "", AT_FDCWD, target, 4);
  close(mount);
  return error;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  const char *root = argv[1], *id = argv[2];
  int layers = atoi(argv[3]), count = atoi(argv[4]);
  char upper[4096], target[4096];
  struct statfs stat;
  snprintf(upper, sizeof upper, "%s/diff/%s", root, id);
  snprintf(target, sizeof target, "%s/mnt/%s", root, id);
  long long began = now();
  for (int at = 0; at < count; at++) {
    if (ask(upper) != 0) return perror("the question"), 1;
    if (mount_layers(root, id, layers, target) != 0) return perror("mount"), 1;
    if (statfs(target, &stat) != 0) return perror("statfs"), 1;
    if (umount2(target, 0) != 0) return perror("umount2"), 1;
  }
  dprintf(3, "%lld\n", now() - began);
  return 0;
}
