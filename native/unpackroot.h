// Finds directories below the root of a layer, by descriptors only: whatever links an archive (or
// somebody else, at the same time) puts there lead nowhere else.
#pragma once

#include "buffer.h"
#include "kernel.h"
#include "system.h"

namespace graphdriver {

// An open directory in which entries are made.
struct UnpackDirectory {
  int fd = -1;
  uint32_t gid = 0;
  uint64_t ino = 0;
  // New entries get its group, or an ACL of its own making.
  bool gives_group = false;
  bool gives_acl = false;
};

// Makes a directory that a path needs and that is not there, or is a whiteout. `above`: the way to
// where it is made, without links, a slash before each part and no NUL at its end. `found`: its
// statx, or null when nothing is there. Answers 0 or a negative errno.
class DirectoryMaker {
 public:
  virtual long MakeMissing(const UnpackDirectory&, const Buffer& /* above */,
                           const char* /* name */, const Statx* /* found */) {
    return -ENOENT;
  }

 protected:
  ~DirectoryMaker() = default;
};

class UnpackRoot {
 public:
  UnpackRoot() = default;
  UnpackRoot(const UnpackRoot&) = delete;
  UnpackRoot& operator=(const UnpackRoot&) = delete;
  ~UnpackRoot() { Close(); }
  // Takes the descriptor, whatever the answer.
  long Open(int fd);
  // Of everything.
  void Close();
  int fd() const { return root_.fd; }
  uint64_t ino() const { return root_.ino; }
  // The directory of a path as UnpackName has it (empty: the root). With `maker`, what is missing
  // is made. The answer is valid until the next but one call.
  long Find(const char* path, size_t size, DirectoryMaker* maker, UnpackDirectory* found);
  // Notes a directory that was just opened; takes the descriptor. `directory` is what it is then.
  void Add(const char* path, size_t size, const UnpackDirectory& directory);
  // To be called when a directory or a link went, or when attributes changed: every path may lead
  // elsewhere now. Descriptors that were handed out stay as they are.
  void Forget();
  // Fills in what is known of an open directory.
  long Identify(UnpackDirectory* directory);

 private:
  struct Slot {
    UnpackDirectory directory;
    uint64_t hash = 0;
    uint64_t used = 0;
    bool valid = false;
    Buffer path;
  };
  static constexpr size_t kSlots = 64;
  static uint64_t Hash(const char* path, size_t size);
  Slot* Lookup(uint64_t hash, const char* path, size_t size);
  Slot* Oldest();
  long Resolve(const char* path, size_t size, DirectoryMaker* maker);

  UnpackDirectory root_;
  Slot slots_[kSlots];
  uint64_t clock_ = 0;
  bool has_acls_ = true;
  Buffer wanted_;
};

// Walks a path below a root step by step, links included, as openat2(2) does with RESOLVE_IN_ROOT.
// For kernels before 5.6, and where directories are to be made on the way.
class StepResolver {
 public:
  StepResolver(int root, DirectoryMaker* maker) : root_(root), maker_(maker) {}
  // Answers an O_PATH descriptor, or a negative errno.
  long Run(const char* path);

 private:
  static constexpr int kMostLinks = 40;
  int fd() const { return at_.failed() ? root_ : at_.get(); }
  long Step(const char* name);
  long Enter(const char* name, Descriptor* next, const Statx& stat);
  long Follow(int link);
  long Up();
  long Make(const char* name, const Statx* found);
  bool TakeName(char* name, long* error);
  int root_;
  DirectoryMaker* maker_;
  Descriptor at_;
  // Where `at_` is, without links.
  Buffer walked_;
  // What is still to be walked, from `next_` on.
  Buffer rest_;
  size_t next_ = 0;
  int links_ = 0;
};

}  // namespace graphdriver
