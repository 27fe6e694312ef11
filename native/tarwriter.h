// Entries, one behind the other, into an output; and what there is to say about them.
#pragma once

#include <stdint.h>

#include <atomic>

#include "futex.h"
#include "output.h"
#include "results.h"
#include "tarheader.h"

namespace graphdriver {

// What a tar could not hold, or not as it was. The numbers are part of the interface to floor 1.
enum class Notice : int32_t {
  kSocket = 1,
  kShrank = 2,
  kGrew = 3,
  kVanished = 4,
  kChanged = 5,
  kReservedName = 6,
  kMountPoint = 7,
};

// What other threads may look at meanwhile.
class PackNotes {
 public:
  // False without memory.
  bool Warn(Notice notice, const char* path, size_t size);
  void CountEntry() { entries_.fetch_add(1, std::memory_order_relaxed); }
  std::atomic<uint64_t>* bytes() { return &bytes_; }
  Row Progress() const;
  // Rows of a notice and the [start, end) of its path.
  Table Warnings();

 private:
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> entries_{0};
  Mutex mutex_;
  Buffer rows_;
  Buffer text_;
};

class TarWriter {
 public:
  // `whole_seconds`: times without their fraction, as Docker and containerd write them.
  TarWriter(Output* output, PackNotes* notes, bool whole_seconds)
      : output_(output), notes_(notes), whole_seconds_(whole_seconds) {}
  // Each answers false after it has noted a failure.
  bool Header(const TarHeader& entry, const Buffer& xattrs);
  // A header, and exactly `entry.size` bytes of the file.
  bool File(const TarHeader& entry, const Buffer& xattrs, int fd);
  // `path`: of the directory, with a slash behind it, or empty; `name`: what is gone in it.
  bool Whiteout(const char* path, size_t size, const char* name);
  bool Opaque(const char* path, size_t size);
  bool Warn(Notice notice, const char* path, size_t size);
  // The end marker.
  bool Finish();
  bool Fail(long error, const char* call, const char* path, size_t size);
  // Without a path: it is the output that failed, or memory.
  bool Fail(long error, const char* call) { return Fail(error, call, "", 0); }
  TreeResult& result() { return result_; }

 private:
  bool Marker(const char* path, size_t size, const char* prefix, const char* name);
  Output* output_;
  PackNotes* notes_;
  bool whole_seconds_;
  Buffer blocks_;
  Buffer name_;
  Buffer no_xattrs_;
  TreeResult result_;
};

}  // namespace graphdriver
