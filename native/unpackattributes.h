// What an entry says of itself, put on what was made for it.
#pragma once

#include "attributes.h"
#include "buffer.h"
#include "layerform.h"
#include "tarreader.h"
#include "unpacknotes.h"
#include "unpackroot.h"

namespace graphdriver {

// Extended attributes of one entry, apart from the reader: those that may be set.
class UnpackXattrs {
 public:
  struct Item {
    const char* name;
    const char* value;
    size_t size;
  };
  // Notes what is left out. False without memory.
  bool Take(TarReader* reader, UnpackNotes* notes, const char* path);
  bool empty() const { return bytes_.size() == 0; }
  // Goes through the items: `*at` is 0 at first.
  bool Next(size_t* at, Item* item) const;
  bool Has(const char* name) const;
  // Leaves nothing here.
  void MoveTo(UnpackXattrs* other);

 private:
  // Of each: its name and a NUL, the size of its value, its value.
  Buffer bytes_;
};

// Which calls are needed is decided where the thing is made.
struct UnpackAttributes {
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  TarTime mtime;
  bool set_owner = true;
  bool set_mode = true;
  bool set_time = true;
  bool drop_acl = false;
};

// Who unpacks: what is made belongs to them at first.
struct UnpackUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  // The mode that a call is given is the one that it sets.
  bool no_umask = false;
  // Of the calling thread, which is to have no umask from here on.
  static UnpackUser Become();
};

UnpackAttributes AttributesOf(const TarEntry& entry, const UnpackDirectory& directory,
                              const UnpackUser& user, const UnpackXattrs& xattrs);

// Owner, extended attributes, mode, times: each of the first three may undo one that comes later
// (chown(2) clears set-id bits and capabilities, an ACL changes the mode). A type other than a link
// may be given a mode. Answers what failed; attributes that are refused are noted.
UnpackFailure SetAttributes(const Thing& thing, bool is_link, const UnpackAttributes& attributes,
                            const UnpackXattrs& xattrs, UnpackNotes* notes, const char* path);
UnpackFailure SetTime(const Thing& thing, TarTime mtime);
// Removes what a directory that was there has beyond the given ones.
UnpackFailure RemoveOtherXattrs(int fd, const UnpackXattrs& xattrs);

}  // namespace graphdriver
