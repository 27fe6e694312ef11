// What an unpacking has to say: failures and warnings.
#pragma once

#include "futex.h"
#include "tarpolicy.h"
#include "widetable.h"

namespace graphdriver {

// The archive's fault, or which call failed.
struct UnpackFailure {
  TarFault fault = TarFault::kNone;
  long error = 0;
  const char* call = "";
  UnpackFailure() = default;
  UnpackFailure(TarFault why) : fault(why) {}
  UnpackFailure(long number, const char* name) : error(number), call(name) {}
  bool failed() const { return fault != TarFault::kNone || error != 0; }
};

// The numbers are part of the interface to floor 1, which has the words.
enum class UnpackNotice : int64_t {
  // An attribute that unions write for themselves was left out.
  kXattrDropped = 1,
  // The filesystem refused an attribute.
  kXattrRefused = 2,
  kDeviceRefused = 3,
  // overlay shows what lower layers have in the root, whatever the upper one says.
  kRootOpaque = 4,
};

// Rows of six numbers: notice, errno or 0, [begin, end) of the path and of what it is about. Any
// thread.
class UnpackNotes {
 public:
  // The first of them are kept, the others counted.
  void Add(UnpackNotice notice, long error, const char* path, const char* detail = "");
  uint64_t left_out() const { return left_out_; }
  WideTable& table() { return table_; }

 private:
  static constexpr uint64_t kMost = 1000;
  Mutex mutex_;
  uint64_t count_ = 0;
  uint64_t left_out_ = 0;
  WideTable table_;
};

}  // namespace graphdriver
