// Where the bytes of a tar go: gathered into large blocks, which a derived class hands on.
#pragma once

#include <errno.h>
#include <stdint.h>

#include <atomic>

#include "buffer.h"

namespace graphdriver {

// How the reading of a file went.
struct FileCopy {
  // 0 or a negative errno, -ECANCELED when nobody wants the rest.
  long error = 0;
  const char* call = "write";
  // The file had fewer bytes, and zeros stand for them; or more, which were left.
  bool shrank = false;
  bool grew = false;
  // It took more than one read.
  bool long_read = false;
};

class Output {
 public:
  // `progress` is told how many bytes were handed on.
  explicit Output(std::atomic<uint64_t>* progress) : progress_(progress) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  // Each answers 0 or a negative errno; -ECANCELED when nobody wants the rest.
  long Write(const void* bytes, size_t size);
  long Zeros(uint64_t size);
  // Exactly `size` bytes, from where the file is read.
  FileCopy CopyFile(int fd, uint64_t size);
  // Hands over what is left.
  long End() { return used_ > 0 ? Flush() : 0; }
  uint64_t written() const { return handed_ + used_; }

 protected:
  virtual ~Output() = default;
  // Hands over the `used_` bytes, if any, and makes room.
  virtual long Flush() { return -ENOSYS; }
  // Moves bytes of a big file without looking at them: how many, or 0 when it cannot.
  virtual long Splice(int, uint64_t) { return 0; }
  void HandedOn(uint64_t size) {
    handed_ += size;
    progress_->store(handed_, std::memory_order_relaxed);
  }
  char* block_ = nullptr;
  size_t used_ = 0;
  size_t capacity_ = 0;

 private:
  uint64_t handed_ = 0;
  std::atomic<uint64_t>* progress_;
  long SpliceAll(int fd, uint64_t* left, FileCopy* copy);
  void ReadAll(int fd, uint64_t left, FileCopy* copy);
};

// Into a descriptor: a file, a pipe, a socket.
class FdOutput final : public Output {
 public:
  FdOutput(int fd, std::atomic<uint64_t>* progress, const std::atomic<uint32_t>* cancelled);
  ~FdOutput() override { free(block_); }

 private:
  long Flush() override;
  long Splice(int fd, uint64_t size) override;
  long WriteAll(const char* bytes, size_t size);
  // Until it takes more; for descriptors that do not wait by themselves.
  long WaitForRoom();
  bool cancelled() const { return cancelled_->load(std::memory_order_relaxed) != 0; }
  int fd_;
  const std::atomic<uint32_t>* cancelled_;
  bool is_pipe_ = false;
};

}  // namespace graphdriver
