// The extended header of PAX (pax(1), "pax Extended Header"), judged record by record.
#pragma once

#include "tarnumber.h"
#include "tarpolicy.h"
#include "walk.h"

namespace graphdriver {

struct TarXattr {
  TarText name;
  TarText value;
};

// Access control lists as text, as star, GNU tar and libarchive write them, and the label of
// SELinux, as GNU tar does.
constexpr const char* kUnreadKeys[] = {"SCHILY.acl.access", "SCHILY.acl.default", "SCHILY.acl.ace",
                                       "RHT.security.selinux"};

// What an extended header says of the entry that follows. The texts are in the parsed block.
class PaxRecords {
 public:
  void Clear();
  // Parses a whole block, and changes it: names of attributes are decoded in place. `global`: of
  // type 'g', of which nothing is kept.
  TarFault Parse(char* data, size_t size, const TarLimits& limits, bool global);

  bool has_path() const { return path_.data != nullptr; }
  bool has_link() const { return link_.data != nullptr; }
  TarText path() const { return path_; }
  TarText link() const { return link_; }
  bool has_size = false;
  bool has_uid = false;
  bool has_gid = false;
  bool has_mtime = false;
  uint64_t size = 0;
  uint64_t uid = 0;
  uint64_t gid = 0;
  TarTime mtime;
  size_t xattrs() const { return xattrs_.size(); }
  const TarXattr& xattr(size_t index) { return xattrs_.At(index); }
  // A bit for each of `kUnreadKeys` that a record has: attributes in a form that is not read here.
  uint32_t unread() const { return unread_; }

 private:
  TarFault Apply(TarText key, TarText value, const TarLimits& limits);
  TarFault Text(TarText key, TarText value, bool* known);
  TarFault Number(TarText key, TarText value, bool* known);
  TarFault Time(TarText key, TarText value, bool* known);
  void NoteUnread(TarText key, bool has_value);
  TarFault AddXattr(TarText name, TarText value, const TarLimits& limits);
  TarText path_;
  TarText link_;
  Stack<TarXattr> xattrs_;
  uint32_t unread_ = 0;
};

}  // namespace graphdriver
