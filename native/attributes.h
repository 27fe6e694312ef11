#pragma once

#include "buffer.h"
#include "kernel.h"
#include "layerform.h"

namespace graphdriver {

// Which call failed, if any.
struct Outcome {
  long error = 0;
  const char* call = "";
  bool failed() const { return error != 0; }
};

// What is there already: an open descriptor, or (for links, devices and fifos, which are not
// opened) a name in a directory.
struct Thing {
  int fd;
  int directory;
  const char* name;
};

// Gives a copy the attributes of its original.
class AttributeCopier {
 public:
  // Lenient: owners and extended attributes that this process may not set are left out.
  // `form`: of the layer that the originals are in: what overlay writes down for itself stays
  // there.
  explicit AttributeCopier(bool lenient, Form form = Form::kPlain)
      : lenient_(lenient), form_(form) {}
  bool Prepare();
  // Owner, then extended attributes, mode and times: each of the first three may undo one that
  // comes later (chown(2) clears set-id bits and capabilities, an ACL changes the mode, everything
  // but times the times).
  Outcome Copy(const Thing& from, const Statx& stat, const Thing& to);
  // Removes what a directory got from its parent's default ACL and the like, so that nothing below
  // inherits it.
  Outcome Clear(int fd);

 private:
  Outcome CopyOwner(const Statx& stat, const Thing& to);
  Outcome CopyXattrs(const Thing& from, const Thing& to);
  Outcome CopyXattr(const Thing& from, const Thing& to, const char* name);
  bool Tolerated(long error) const;
  bool lenient_;
  Form form_;
  Buffer names_;
  Buffer value_;
};

}  // namespace graphdriver
