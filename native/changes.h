// What a layer changed, and how much it holds.
#pragma once

#include "compare.h"
#include "handle.h"

namespace graphdriver {

// Two views that are to be compared, the new one first.
class ViewsJob final : public Handle {
 public:
  static constexpr char kTag = 0;
  ViewsJob(Form form, Judge judge) : Handle(&kTag), form_(form), judge_(judge) {}
  // The layers' directories, top first, a NUL after each; the old view may have none. False
  // without memory.
  bool SetPaths(Bytes now, Bytes before);
  TreeResult Compare(Depth depth, Visitor* visitor) const;
  // What the top layer of the new view holds.
  TreeResult LayerSize() const;
  void Cancel() { cancelled_.store(1, std::memory_order_relaxed); }
  void Abandon() override { Cancel(); }

 private:
  ~ViewsJob() override = default;
  static Bytes BytesOf(const Buffer& buffer) {
    return {reinterpret_cast<const uint8_t*>(buffer.data()), buffer.size()};
  }
  Buffer now_;
  Buffer before_;
  Form form_;
  Judge judge_;
  std::atomic<uint32_t> cancelled_{0};
};

// Rows of a kind and the [start, end) of its path; or which call failed where.
struct ChangesTable {
  TreeResult end;
  Table table;
};
napi_value Encode(napi_env env, const ChangesTable& result);

NewHandle ViewsOf(Bytes now, Bytes before, uint32_t form, uint32_t judge);
ChangesTable ViewChanges(ViewsJob* job);
TreeResult ViewChangedSize(ViewsJob* job);
TreeResult ViewLayerSize(ViewsJob* job);
int32_t ViewsCancel(ViewsJob* job);

}  // namespace graphdriver
