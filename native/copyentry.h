// One thing on disk that is no directory, and its copy in another directory.
#pragma once

#include "attributes.h"
#include "copyfile.h"

namespace graphdriver {

class EntryCopier {
 public:
  // `lenient` and `form` as for AttributeCopier.
  explicit EntryCopier(bool lenient, Form form = Form::kPlain) : attributes_(lenient, form) {}
  bool Prepare() { return attributes_.Prepare(); }
  AttributeCopier* attributes() { return &attributes_; }
  // What `name` in the directory `from` is, under the same name in `to`, where none may be.
  Outcome Copy(int from, const char* name, const Statx& stat, int to);
  // One more name for a file that was copied already: `first` is its path below `root`.
  static Outcome Link(int root, const char* first, int to, const char* name);

 private:
  Outcome CopyFile(int from, const char* name, const Statx& stat, int to);
  static Outcome CopySymlink(int from, const char* name, int to);
  AttributeCopier attributes_;
  DataCopier data_;
};

// Opens what is to be copied: O_NOATIME is for the owner and root, and the original should not look
// read.
long OpenOriginal(int directory, const char* name, uint64_t flags);

// Makes a directory that only its owner sees, and answers its descriptor or a negative errno.
long MakeDirectory(int directory, const char* name, const char** call);

}  // namespace graphdriver
