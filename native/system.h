// System calls by number: what is newer than the oldest C library that this binary meets has no
// wrapper there, and wrappers such as stat and mknod are bound to versioned symbols.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

// The numbers from 424 on are the same on every processor
// (Documentation/process/adding-syscalls.rst).
#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#define SYS_fspick 433
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

namespace graphdriver {

static_assert(sizeof(long) == 8, "structures are passed as 64-bit kernels define them");

// syscall(2) is variadic: a 32-bit argument would leave the upper half of its register undefined.
inline long Word(long value) {
  return value;
}
inline long Word(unsigned long value) {
  return static_cast<long>(value);
}
inline long Word(int value) {
  return value;
}
inline long Word(unsigned value) {
  return static_cast<long>(value);
}
inline long Word(const void* value) {
  return reinterpret_cast<long>(value);
}
inline long Word(decltype(nullptr)) {
  return 0;
}

// Answers the kernel's value, or a negative errno.
template <typename... Arguments>
inline long Call(long number, Arguments... arguments) {
  long result = syscall(number, Word(arguments)...);
  return result < 0 ? -static_cast<long>(errno) : result;
}

// For calls that did nothing when they answer EINTR; close(2) is not one of them.
template <typename... Arguments>
inline long CallAgain(long number, Arguments... arguments) {
  long result;
  do {
    result = Call(number, arguments...);
  } while (result == -EINTR);
  return result;
}

inline void CloseQuietly(int fd) {
  if (fd >= 0) syscall(SYS_close, Word(fd));
}

// Owns a descriptor until it is taken.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(long fd) : fd_(static_cast<int>(fd)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(other.Take()) {}
  ~Descriptor() { CloseQuietly(fd_); }
  int get() const { return fd_; }
  // A negative value is the errno of the call that was to make the descriptor.
  bool failed() const { return fd_ < 0; }
  int Take() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void Reset(long fd = -1) {
    CloseQuietly(fd_);
    fd_ = static_cast<int>(fd);
  }

 private:
  int fd_ = -1;
};

}  // namespace graphdriver
