// How many bytes there are in files and links, each file once, whatever its names.
#pragma once

#include "compare.h"
#include "links.h"

namespace graphdriver {

// Of what was added or modified.
class SizeCounter final : public Visitor {
 public:
  ~SizeCounter() override = default;
  long Visit(const Difference& what) override;
  // 0 or a negative errno: -ENOENT when it vanished.
  long Add(int directory, const char* name, unsigned char type);
  int64_t size() const { return size_; }

 private:
  int64_t size_ = 0;
  Links links_;
};

// Of one layer's directory, whiteouts and what the union writes down for itself left out.
TreeResult SizeOfLayer(const char* path, Form form, const std::atomic<uint32_t>* cancelled);

}  // namespace graphdriver
