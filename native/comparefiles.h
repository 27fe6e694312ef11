// Whether two files are the same, as far as can be told without reading them; read they are only
// where their times cannot tell.
#pragma once

#include "kernel.h"
#include "xattrrecords.h"

namespace graphdriver {

// Two files, or their directories, one for each view.
struct Pair {
  int now;
  int before;
};

struct Look {
  enum Verdict { kSame, kDiffers, kFailed };
  Verdict verdict = kSame;
  // Of what failed: in which of the two.
  bool in_now = false;
  long error = 0;
  const char* call = "";
};

class FileComparer {
 public:
  // Mode, owner and extended attributes of open directories.
  Look Directories(const Pair& directories);
  // No directories: a name in each of the two. `*now` and `*before` are set unless it failed.
  Look Files(const Pair& directories, const char* name, Statx* now, Statx* before);

 private:
  Look CompareXattrs(long now_error, long before_error);
  Look CompareContents(const Pair& directories, const char* name);
  XattrRecords now_xattrs_;
  XattrRecords before_xattrs_;
  Buffer content_;
};

}  // namespace graphdriver
