// many mount|unmount <directory> <layers> <count> <threads>: in the directory, mounts overlays at m/0, m/1, … or unmounts them, by so many
// threads at once; writes to descriptor 3 how many nanoseconds that took.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

static atomic_int next;
static atomic_int failures;
static int count;
static int mounting;
static char lowers[4096];

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *work(void *argument) {
  char target[32], data[4200];
  (void)argument;
  for (int at = next++; at < count; at = next++) {
    snprintf(target, sizeof target, "m/%d", at);
    snprintf(data, sizeof data, "lowerdir=%s,upperdir=u/%d,workdir=w/%d", lowers, at, at);
    int error = mounting ? mount("overlay", target, "overlay", 0, data) : umount2(target, 0);
    if (error != 0) failures++;
  }
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t threads[64];
  if (argc != 6 || chdir(argv[2]) != 0) return 2;
  mounting = strcmp(argv[1], "mount") == 0;
  int layers = atoi(argv[3]);
  for (int at = 0, size = 0; at < layers; at++)
    size += snprintf(lowers + size, sizeof lowers - size, "%sl/%d", at ? ":" : "", at);
  count = atoi(argv[4]);
  int most = atoi(argv[5]);
  long long began = now();
  for (int at = 0; at < most; at++)
    if (pthread_create(&threads[at], NULL, work, NULL) != 0) return 4;
  for (int at = 0; at < most; at++) pthread_join(threads[at], NULL);
  dprintf(3, "%lld\n", now() - began);
  return failures == 0 ? 0 : 1;
}
