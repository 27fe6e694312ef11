// pair <directory> <options> <count>: in the directory, mounts and unmounts an overlay at `mnt` so many times; writes to
// descriptor 3 how many nanoseconds that took.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 4 || chdir(argv[1]) != 0) return 2;
  int count = atoi(argv[3]);
  long long began = now();
  for (int at = 0; at < count; at++) {
    if (mount("overlay", "mnt", "overlay", 0, argv[2]) != 0) return perror("mount"), 1;
    if (umount2("mnt", 0) != 0) return perror("umount2"), 1;
  }
  dprintf(3, "%lld\n", now() - began);
  return 0;
}
