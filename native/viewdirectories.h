// Directories in the layers of a view, open while there is room: a view of hundreds of layers must
// do with the descriptors that a process may have.
#pragma once

#include <stdint.h>

#include "walk.h"

namespace graphdriver {

struct LayerRoot {
  const char* path;
  uint64_t ino;
  uint32_t major;
  uint32_t minor;
};

inline bool SameDirectory(const LayerRoot& a, const LayerRoot& b) {
  return a.ino == b.ino && a.major == b.major && a.minor == b.minor;
}

// The way from the root of a tree to a directory, and how much of it leads to each level.
class TrailPath {
 public:
  // The root is level 0.
  size_t level() const { return ends_.size(); }
  bool Push(const char* name);
  void Pop();
  // A NUL is behind the last name.
  const char* data() const { return names_.size() == 0 ? "" : names_.data(); }
  size_t End(size_t level) { return level == 0 ? 0 : ends_.At(level - 1); }
  // Where the way goes on below a level.
  size_t Begin(size_t level) { return level == 0 ? 0 : End(level) + 1; }

 private:
  Buffer names_;
  Stack<size_t> ends_;
};

class LayerDirectories {
 public:
  LayerDirectories(Stack<LayerRoot>* layers, TrailPath* path) : layers_(layers), path_(path) {}
  LayerDirectories(const LayerDirectories&) = delete;
  LayerDirectories& operator=(const LayerDirectories&) = delete;
  ~LayerDirectories() { Leave(0); }
  // The directory at a level of the path, in a layer: borrowed, until the next call. Else a
  // negative errno: -ESTALE when the layer itself was taken away or exchanged, -EXDEV for what is
  // mounted over.
  long Open(uint32_t layer, size_t level);
  // The path is about to become shorter: to less than this level.
  void Leave(size_t level);

 private:
  struct Slot {
    uint64_t used;
    size_t level;
    uint32_t layer;
    int fd;
  };
  static constexpr size_t kMost = 96;
  Slot* Nearest(uint32_t layer, size_t level);
  void Keep(uint32_t layer, size_t level, int fd);
  long OpenRoot(const LayerRoot& layer);
  long OpenBelowLevel(int directory, size_t from, size_t to);
  template <typename Opener>
  long WithoutAtime(Opener open);

  Stack<LayerRoot>* layers_;
  TrailPath* path_;
  Slot slots_[kMost];
  size_t count_ = 0;
  uint64_t clock_ = 0;
  // Until it is refused: for the owner and root, so that a layer does not look read.
  uint64_t no_atime_ = O_NOATIME;
};

}  // namespace graphdriver
