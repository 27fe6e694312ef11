// Goes through a layer's own directory, on one mount, following no link.
#pragma once

#include "arguments.h"
#include "layerform.h"
#include "results.h"
#include "walk.h"

namespace graphdriver {

// The names of the extended attributes of one thing.
class XattrNames {
 public:
  // Of a descriptor, or of a name in a directory. 0 or a negative errno; a filesystem without
  // attributes has none.
  long Read(int fd, const char* name = nullptr);
  // False at the end.
  bool Next(const char** name);

 private:
  Buffer names_;
  size_t at_ = 0;
};

// Both calls are there to be overridden; not pure, since that asks for the C++ library.
class LayerWalk {
 public:
  // False after a failure, which `result_` tells.
  bool Run(Text path);

 protected:
  ~LayerWalk() = default;
  // Each of these answers false after it has noted a failure.
  // The walk came to a directory, the root first; its entries may be gone through beforehand.
  virtual bool Arrive() { return false; }
  // One of its entries. `skip`: if it is a directory, not to be entered.
  virtual bool Visit(const Entry& /* entry */, bool* /* skip */) { return false; }
  // In whatever is at hand.
  bool Fail(long error, const char* call);
  int fd() { return walk_.fd(); }
  bool is_root() const { return walk_.depth() == 1; }
  // DT_DIR, …, also where the listing does not tell; 0 for what is gone. False after a failure.
  bool TypeOf(const Entry& entry, unsigned char* type);
  bool IsZeroDevice(const Entry& entry, bool* is);

  Walk walk_;
  TreeResult result_;

 private:
  bool Enter(long opened, const char* call);
  bool Step();
};

}  // namespace graphdriver
