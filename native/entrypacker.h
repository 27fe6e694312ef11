// One thing on disk, whatever it is, as one entry of a tar.
#pragma once

#include "kernel.h"
#include "layerform.h"
#include "links.h"
#include "tarwriter.h"
#include "xattrrecords.h"

namespace graphdriver {

enum class Packed { kDone, kDirectory, kFailed };

// Where an entry is, and what it is called in the tar.
struct Place {
  int directory;
  // One name, without slashes.
  const char* name;
  // From the tree's root, without a slash at the ends.
  const char* path;
  size_t path_size;
};

class EntryPacker {
 public:
  // `form`: of the layer that is packed; kPlain where the merged view is.
  EntryPacker(TarWriter* writer, Form form) : writer_(writer), form_(form) {}
  // `type`: what getdents64 said it is. A directory is left to the caller, who goes on with
  // PackDirectory(). What vanished is reported and left out.
  Packed Pack(const Place& place, unsigned char type);
  // Opens a directory to be listed: the descriptor, or a negative errno (-EXDEV: a mount).
  long OpenDirectory(const Place& place);
  // `path` ends in a slash.
  bool PackDirectory(int fd, const char* path, size_t size);
  // A directory that something is mounted on: as it looks, without what is in it.
  bool PackMountPoint(const Place& place);
  bool Warn(Notice notice, const Place& place) {
    return writer_->Warn(notice, place.path, place.path_size);
  }

 private:
  // What it turned out to be something else after a look.
  enum class Attempt { kDone, kFailed, kChanged, kGone };
  Attempt PackFile(const Place& place);
  Attempt PackOther(const Place& place, const Statx& stat);
  Attempt WriteSymlink(const Place& place, const Statx& stat, TarHeader* entry);
  Attempt WriteFile(const Place& place, const Statx& stat, int fd);
  // True when the file was written as a link to its first name; `*failed` when that went wrong.
  bool WrittenAsLink(const Place& place, const Statx& stat, bool* failed);
  bool RememberLink(const Place& place, const Statx& stat);
  long Open(int directory, const char* name, uint64_t flags);
  Attempt Failed(const Place& place, long error, const char* call);

  // 0, or -EREMOTE for what is not whole without the layers below.
  long ReadXattrs(int fd);
  TarWriter* writer_;
  Form form_;
  Links links_;
  XattrRecords xattrs_;
  Buffer no_xattrs_;
  Buffer directory_path_;
  // Until it is refused: for the owner and root, so that a layer does not look read.
  uint64_t no_atime_ = O_NOATIME;
};

// DT_DIR for S_IFDIR and so on.
inline unsigned char TypeOf(const Statx& stat) {
  return static_cast<unsigned char>(stat.mode >> 12);
}

TarHeader EntryOf(const Statx& stat, char type, const char* name, size_t size);

}  // namespace graphdriver
