#include "output.h"

#include <poll.h>
#include <sys/stat.h>
#include <time.h>

#include "kernel.h"
#include "system.h"
#include "walk.h"

namespace graphdriver {

namespace {

// Fits the caches of a processor; larger ones made no difference to files.
constexpr size_t kFdBlock = size_t{256} << 10;
// Smaller bodies are not worth a flush of what is before them.
constexpr uint64_t kSpliceFrom = uint64_t{256} << 10;
constexpr unsigned kSpliceMove = 1;

}  // namespace

long Output::Write(const void* bytes, size_t size) {
  const char* from = static_cast<const char*>(bytes);
  while (size > 0) {
    if (used_ == capacity_) {
      if (long error = Flush()) return error;
    }
    size_t room = capacity_ - used_;
    size_t part = size < room ? size : room;
    memcpy(block_ + used_, from, part);
    used_ += part;
    from += part;
    size -= part;
  }
  return 0;
}

long Output::Zeros(uint64_t size) {
  while (size > 0) {
    if (used_ == capacity_) {
      if (long error = Flush()) return error;
    }
    size_t room = capacity_ - used_;
    size_t part = size < room ? static_cast<size_t>(size) : room;
    memset(block_ + used_, 0, part);
    used_ += part;
    size -= part;
  }
  return 0;
}

// Answers 0 or a negative errno; `*left` is what is to be read by hand.
long Output::SpliceAll(int fd, uint64_t* left, FileCopy* copy) {
  if (*left < kSpliceFrom) return 0;
  if (long error = used_ > 0 ? Flush() : 0) return error;
  copy->long_read = true;
  while (*left > 0) {
    long moved = Splice(fd, *left);
    if (moved <= 0) return moved;
    HandedOn(static_cast<uint64_t>(moved));
    *left -= static_cast<uint64_t>(moved);
  }
  return 0;
}

// Asks for one byte more than is expected, where there is room, so that a file that grew is noticed
// without another call.
void Output::ReadAll(int fd, uint64_t left, FileCopy* copy) {
  bool probed = false;
  bool first = true;
  while (left > 0) {
    if (used_ == capacity_ && (copy->error = Flush()) != 0) return;
    size_t room = capacity_ - used_;
    probed = room > left;
    size_t wanted = probed ? static_cast<size_t>(left) + 1 : room;
    long count = CallAgain(SYS_read, fd, static_cast<void*>(block_ + used_), wanted);
    if (count < 0) {
      copy->error = count;
      copy->call = "read";
      return;
    }
    if (count == 0) {
      copy->shrank = true;
      copy->error = Zeros(left);
      return;
    }
    if (!first) copy->long_read = true;
    first = false;
    if (static_cast<uint64_t>(count) > left) {
      copy->grew = true;
      count = static_cast<long>(left);
    }
    used_ += static_cast<size_t>(count);
    left -= static_cast<uint64_t>(count);
  }
  char byte;
  if (!probed) copy->grew = CallAgain(SYS_read, fd, static_cast<void*>(&byte), 1) > 0;
}

FileCopy Output::CopyFile(int fd, uint64_t size) {
  FileCopy copy;
  copy.error = SpliceAll(fd, &size, &copy);
  if (copy.error == 0) ReadAll(fd, size, &copy);
  return copy;
}

FdOutput::FdOutput(int fd, std::atomic<uint64_t>* progress, const std::atomic<uint32_t>* cancelled)
    : Output(progress), fd_(fd), cancelled_(cancelled) {
  Statx stat;
  is_pipe_ = StatxOf(fd, "", kEmptyPath, &stat) == 0 && (stat.mode & S_IFMT) == S_IFIFO;
}

long FdOutput::WaitForRoom() {
  constexpr timespec kPatience = {0, 100'000'000};
  pollfd ready{fd_, POLLOUT, 0};
  long result = Call(SYS_ppoll, static_cast<const void*>(&ready), 1,
                     static_cast<const void*>(&kPatience), nullptr, 0);
  if (cancelled()) return -ECANCELED;
  return result < 0 && result != -EINTR ? result : 0;
}

long FdOutput::WriteAll(const char* bytes, size_t size) {
  while (size > 0) {
    if (cancelled()) return -ECANCELED;
    long count = Call(SYS_write, fd_, static_cast<const void*>(bytes), size);
    if (count == -EAGAIN) {
      if (long error = WaitForRoom()) return error;
    } else if (count < 0 && count != -EINTR) {
      return count;
    } else if (count > 0) {
      bytes += count;
      size -= static_cast<size_t>(count);
    }
  }
  return 0;
}

long FdOutput::Flush() {
  if (block_ == nullptr) {
    block_ = static_cast<char*>(malloc(kFdBlock));
    if (block_ == nullptr) return -ENOMEM;
    capacity_ = kFdBlock;
    return 0;
  }
  if (long error = WriteAll(block_, used_)) return error;
  HandedOn(used_);
  used_ = 0;
  return 0;
}

long FdOutput::Splice(int fd, uint64_t size) {
  if (!is_pipe_) return 0;
  constexpr uint64_t kMost = uint64_t{1} << 20;
  while (true) {
    if (cancelled()) return -ECANCELED;
    long count =
        Call(SYS_splice, fd, nullptr, fd_, nullptr, size < kMost ? size : kMost, kSpliceMove);
    if (count == -EAGAIN) {
      if (long error = WaitForRoom()) return error;
    } else if (count == -EINVAL) {
      // A filesystem that cannot.
      is_pipe_ = false;
      return 0;
    } else if (count != -EINTR) {
      return count;
    }
  }
}

}  // namespace graphdriver
