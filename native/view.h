// What a union of layer directories shows, without a mount: one merged directory at a time, on a
// trail from the root. Links are never followed and mounts never crossed.
#pragma once

#include "arguments.h"
#include "layerform.h"
#include "viewdirectories.h"

namespace graphdriver {

// DT_WHT: the name is gone, and nothing of the layers below shows.
constexpr unsigned char kWhiteoutType = 14;

struct ViewEntry {
  uint64_t ino;
  // Into the names.
  uint32_t name;
  // The layer that it is seen from.
  uint32_t layer;
  // Of a directory: the layers that have a part in it, top first, as a slice of the members.
  uint32_t first;
  uint32_t count;
  // DT_DIR, DT_REG, …, never DT_UNKNOWN.
  unsigned char type;
  // A directory that hides what a further layer below the view would have.
  bool closed;
};

// Which call failed in which layer; the layer is kNoLayer when it was none.
struct ViewFailure {
  static constexpr uint32_t kNoLayer = UINT32_MAX;
  long error = 0;
  const char* call = "";
  uint32_t layer = kNoLayer;
};

class View {
 public:
  // `whiteouts`: names that are gone are listed too, as entries of kWhiteoutType. Sockets, which
  // no layer can hold, are taken for whiteouts unless they are wanted.
  explicit View(bool whiteouts, bool sockets = false)
      : whiteouts_(whiteouts), sockets_(sockets), directories_(&layers_, &path_) {}
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  // `paths`: the layers' directories, top first, a NUL after each; they must outlive the view.
  bool Open(Bytes paths, Form form);
  size_t layers() const { return layers_.size(); }
  const LayerRoot& layer(uint32_t index) { return layers_.At(index); }

  // Each of these answers false after it has noted a failure.
  bool EnterRoot();
  // Goes into a directory of the current listing; without `list` it is not read.
  bool Enter(size_t index, bool list = true);
  void Leave();

  // Of the current directory: its entries by their names' bytes.
  size_t size() { return entries_.size() - levels_.Top().entries; }
  const ViewEntry& At(size_t index) { return entries_.At(levels_.Top().entries + index); }
  const char* Name(size_t index) { return names_.data() + At(index).name; }
  // The layers that have a part in an entry, or in the current directory before opaque ones cut it.
  uint32_t Member(const ViewEntry& entry, uint32_t index) {
    return members_.At(entry.first + index);
  }
  // It vanished while it was looked for.
  bool gone() { return levels_.Top().gone; }
  // Something is mounted on it in some layer: what is in it cannot be seen.
  bool covered() { return levels_.Top().covered; }
  // Nothing of a further layer below the view would show in it.
  bool closed() { return levels_.Top().closed; }
  // The layer whose directory lends the current one its attributes.
  uint32_t top() { return TopAt(level()); }
  uint32_t TopAt(size_t level) { return members_.At(levels_.At(level).first); }
  // The root is level 0.
  size_t level() { return levels_.size() - 1; }
  TrailPath& path() { return path_; }
  // The directory at a level in a layer, borrowed until the next call; or a negative errno.
  long Fd(uint32_t layer, size_t level) { return directories_.Open(layer, level); }
  const ViewFailure& failure() const { return failure_; }

 private:
  struct Level {
    size_t names;
    size_t entries;
    size_t members;
    // Of the members: who has a part in it.
    uint32_t first;
    uint32_t count;
    bool closed;
    bool gone;
    bool covered;
  };
  // A name as one layer has it.
  struct Raw {
    // The first bytes of the name, so that most comparisons look no further.
    uint64_t key;
    uint64_t ino;
    uint32_t name;
    uint32_t layer;
    unsigned char type;
  };
  enum class Opacity { kNone, kOpaque, kFileWhiteouts };
  bool Fail(long error, const char* call, uint32_t layer);
  bool AddLayer(const char* path);
  bool Arrive(uint32_t first, uint32_t count, bool closed, bool list);
  bool List();
  bool ReadLayer(uint32_t layer, int fd, Opacity* opacity);
  bool ReadRecords(uint32_t layer, int fd, const char* records, long size, Opacity* opacity);
  bool ReadReserved(uint32_t layer, const char* name, Opacity* opacity);
  long TypeOf(int fd, const char* name, unsigned char type, Opacity opacity) const;
  bool AddRaw(uint32_t layer, const char* name, uint64_t ino, unsigned char type);
  Opacity OpacityOf(int fd) const;
  // How two names are ordered.
  int Order(const Raw& a, const Raw& b) const;
  bool Merge();
  bool MergeName(size_t begin, size_t end);

  bool whiteouts_;
  bool sockets_;
  Form form_ = Form::kPlain;
  Stack<LayerRoot> layers_;
  TrailPath path_;
  LayerDirectories directories_;
  // Each level's part of these begins where those above end.
  Stack<Level> levels_;
  Buffer names_;
  Stack<ViewEntry> entries_;
  Stack<uint32_t> members_;
  // Of the directory that is being read.
  Stack<Raw> raws_;
  ViewFailure failure_;
};

}  // namespace graphdriver
