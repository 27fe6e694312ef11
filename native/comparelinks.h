// Which names are joined to one file in two views, and where a tar of the difference must bring all
// names of a file although it is the same.
#pragma once

#include "compare.h"

namespace graphdriver {

// Files by device and inode.
class InodeTable {
 public:
  struct File {
    uint64_t device;
    uint64_t ino;
    // How many names there are, and how many of them were met.
    uint32_t names;
    uint32_t met;
    // Its counterpart in the other view, plus one; 0: none was met.
    uint32_t partner;
    // All its names must be written.
    bool whole;
  };
  InodeTable() = default;
  InodeTable(const InodeTable&) = delete;
  InodeTable& operator=(const InodeTable&) = delete;
  ~InodeTable() { free(slots_); }
  static constexpr uint32_t kNone = UINT32_MAX;
  // The number of a file, or kNone.
  uint32_t Find(const Statx& stat);
  // The same; a new one is added. kNone without memory.
  uint32_t Get(const Statx& stat);
  File& At(uint32_t number) { return files_.At(number); }
  // Some name of some file was not met.
  bool HasUnmet();
  void Clear();

 private:
  uint32_t* SlotOf(uint64_t device, uint64_t ino);
  bool Grow();
  Stack<File> files_;
  // Open addressing: numbers plus one, 0 where it is free.
  uint32_t* slots_ = nullptr;
  size_t capacity_ = 0;
};

// A first look at a comparison, before anything is written.
class LinkScan final : public Visitor {
 public:
  ~LinkScan() override = default;
  long Visit(const Difference& what) override;
  long Meet(const Difference& file, const Statx* now, const Statx* before) override;
  // Whether names that were not met could matter.
  bool IsIncomplete() { return now_.HasUnmet() || before_.HasUnmet(); }
  // All names of this file of the new view must be written.
  bool IsWhole(const Statx& now);
  // Whether there are such files.
  bool any() const { return any_; }
  void Clear();

 private:
  void MarkWhole(uint32_t number);
  InodeTable now_;
  InodeTable before_;
  bool any_ = false;
};

// Stats a file of the new view; 0 or a negative errno.
long StatOf(const Difference& file, Statx* stat);

}  // namespace graphdriver
