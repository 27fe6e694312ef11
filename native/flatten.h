// What a union of layer directories shows, as one tree of its own: copied without a mount.
#pragma once

#include <atomic>

#include "copyentry.h"
#include "handle.h"
#include "links.h"
#include "results.h"
#include "view.h"

namespace graphdriver {

class FlattenJob final : public Handle {
 public:
  static constexpr char kTag = 0;
  FlattenJob(Form form, bool lenient) : Handle(&kTag), form_(form), lenient_(lenient) {}
  // The layers' directories, top first, a NUL after each, and an empty one for the copy. False
  // without memory.
  bool SetPaths(Bytes layers, Text to);
  TreeResult Run();
  Row Progress() const;
  void Cancel() { cancelled_.store(1, std::memory_order_relaxed); }
  void Abandon() override { Cancel(); }

 private:
  friend class Flattening;
  ~FlattenJob() override = default;
  Form form_;
  bool lenient_;
  Buffer layers_;
  Buffer to_;
  std::atomic<uint32_t> cancelled_{0};
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> entries_{0};
};

NewHandle Flatten(Bytes layers, Text to, uint32_t form, uint32_t flags);
TreeResult FlattenRun(FlattenJob* job);
Row FlattenProgress(FlattenJob* job);
int32_t FlattenCancel(FlattenJob* job);

}  // namespace graphdriver
