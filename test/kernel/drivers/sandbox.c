// sandbox ERRNO CALL,… COMMAND…: runs a command that gets an error for some system calls, as from a
// seccomp filter that does not know them, or from an older kernel. seccomp(2),
// Documentation/userspace-api/seccomp_filter.rst.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// What is newer than Linux 5.1 has one number everywhere.
static const struct {
  const char* name;
  unsigned number;
} calls[] = {
    {"mount", SYS_mount}, {"unshare", SYS_unshare}, {"open_tree", 428}, {"move_mount", 429},
    {"fsopen", 430},      {"fsconfig", 431},        {"fsmount", 432},   {"fspick", 433},
    {"openat2", 437},     {"mount_setattr", 442},   {"statmount", 457}, {"listmount", 458},
};

enum { kCalls = sizeof calls / sizeof *calls };

int main(int count, char** words) {
  if (count < 4) return 2;
  struct sock_filter program[2 * kCalls + 2];
  unsigned short length = 0;
  program[length++] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (char* name = strtok(words[2], ","); name != NULL; name = strtok(NULL, ",")) {
    size_t at = 0;
    while (at < kCalls && strcmp(calls[at].name, name) != 0) at++;
    if (at == kCalls) return 2;
    program[length++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[at].number, 0, 1);
    program[length++] =
        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)atoi(words[1]));
  }
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog filter = {length, program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    perror("seccomp");
    return 3;
  }
  execvp(words[3], words + 3);
  perror(words[3]);
  return 1;
}
