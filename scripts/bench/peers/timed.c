// Runs a program and writes to descriptor 3 how many nanoseconds passed from its start to its end. Started from Node, the
// program would pay for the size of Node's process.
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv) {
  pid_t pid;
  int status = 0;
  if (argc < 2) return 2;
  long long began = now();
  if (posix_spawnp(&pid, argv[1], NULL, NULL, argv + 1, environ) != 0) return 127;
  if (waitpid(pid, &status, 0) != pid) return 126;
  dprintf(3, "%lld\n", now() - began);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
