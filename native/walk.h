// Trees without recursion: as deep as they come, with a bounded number of open directories.
#pragma once

#include <stdint.h>

#include "buffer.h"
#include "kernel.h"
#include "system.h"

namespace graphdriver {

// A stack of plain structures.
template <typename T>
class Stack {
 public:
  size_t size() const { return bytes_.size() / sizeof(T); }
  bool Push(const T& value) { return bytes_.Append(&value, sizeof value); }
  void Pop() { bytes_.SetSize(bytes_.size() - sizeof(T)); }
  T& At(size_t index) { return reinterpret_cast<T*>(bytes_.data())[index]; }
  T& Top() { return At(size() - 1); }

 private:
  Buffer bytes_;
};

long StatxOf(int directory, const char* name, int flags, Statx* stat);

// "/proc/self/fd/<fd>" or, with a name, what is below it: for calls that take no directory or no
// O_PATH descriptor.
class FdPath {
 public:
  explicit FdPath(int fd, const char* name = nullptr);
  const char* data() const { return data_; }

 private:
  char data_[32 + 256];
};

// Opens a directory entry (a name without slashes): answers -ELOOP for a link and -EXDEV for what
// lies on another mount.
long OpenBelow(int directory, const char* name, uint64_t flags);

// The directories from the root of a tree to where a walk is. The ones far above are closed, and
// found again by `..`, which must lead to the same directory.
class Trail {
 public:
  Trail() = default;
  Trail(const Trail&) = delete;
  Trail& operator=(const Trail&) = delete;
  ~Trail();
  size_t depth() const { return places_.size(); }
  int fd() { return places_.Top().fd; }
  // Takes the descriptor, whatever the answer: 0 or a negative errno.
  long Push(int fd);
  // Gives away the lowest; the one above is open afterwards, if there is one.
  long Pop(Descriptor* left);

 private:
  struct Place {
    int fd;
    uint32_t major;
    uint32_t minor;
    uint64_t ino;
  };
  static constexpr size_t kOpen = 48;
  static long Identify(Place* place);
  Stack<Place> places_;
};

struct Entry {
  // DT_DIR, DT_UNKNOWN, …
  unsigned char type;
  // Valid until the next Enter().
  const char* name;
};

// A trail, and the entries of each directory on it, read whole before the first is given.
class Walk {
 public:
  size_t depth() const { return trail_.depth(); }
  int fd() { return trail_.fd(); }
  // Takes the descriptor of a directory, reads its entries and goes there.
  long Enter(int fd);
  // False at the directory's end.
  bool Next(Entry* entry);
  // To the directory's first entry again.
  void Rewind() {
    levels_.Top().next = levels_.Top().begin;
    levels_.Top().current = kNowhere;
  }
  // Back to the directory above, where Current() is the one just left.
  long Leave();
  const char* Current() { return names_.data() + levels_.Top().current; }
  // Appends the way from the root to the current entry; false without memory.
  bool AppendPath(Buffer* path);
  // The same without the current entry: the directory itself.
  bool AppendDirectory(Buffer* path) {
    return AppendNames(path, levels_.size() - (levels_.size() > 0));
  }

 private:
  struct Level {
    size_t begin;
    size_t next;
    size_t current;
  };
  static constexpr size_t kNowhere = SIZE_MAX;
  long ReadEntries(int fd);
  bool AppendNames(Buffer* path, size_t levels);
  Trail trail_;
  Stack<Level> levels_;
  // One record an entry: its type, its name, NUL. A level's records begin where those above end.
  Buffer names_;
};

}  // namespace graphdriver
