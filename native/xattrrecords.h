// The extended attributes of a file as records of a tar's extended header: sorted by name, without
// what unions write down for themselves.
#pragma once

#include "buffer.h"

namespace graphdriver {

class XattrRecords {
 public:
  // Of an open file, directory, or (by its name in `directory`) of anything, links not followed.
  // Answers 0 or a negative errno; none where the filesystem has none.
  long Read(int fd);
  long ReadAt(int directory, const char* name);
  const Buffer& records() const { return records_; }
  // It has one by which overlay says that something is in a layer below.
  bool indirect() const { return indirect_; }
  bool operator==(const XattrRecords& other) const;

 private:
  template <typename List, typename Get>
  long ReadAll(List list, Get get);
  template <typename Get>
  long AppendValue(const char* name, Get get);
  void Sort();
  bool indirect_ = false;
  Buffer records_;
  Buffer names_;
  Buffer order_;
  Buffer value_;
};

}  // namespace graphdriver
