// Frames tar archives: is given bytes in pieces of any size, and tells entries and their bodies.
// Makes no system call and keeps no body. Its memory grows with what came, never with what an
// archive states.
#pragma once

#include "buffer.h"
#include "tarnumber.h"
#include "tarpax.h"
#include "tarpolicy.h"

namespace graphdriver {

// The numbers are part of the interface to floor 1.
enum class TarType : int32_t { kFile, kLink, kSymlink, kChar, kBlock, kDirectory, kFifo };

// The texts are the reader's, until its next step.
struct TarEntry {
  TarType type;
  uint32_t mode;
  uint32_t uid;
  uint32_t gid;
  uint32_t major;
  uint32_t minor;
  uint64_t size;
  TarTime mtime;
  TarText name;
  // Of hard links and symbolic links.
  TarText link;
};

enum class TarEvent {
  // All that was fed is used up.
  kInput,
  kEntry,
  // A piece of the last entry's body.
  kData,
  // After FinishInput() only.
  kEnd,
  kFault,
};

class TarReader {
 public:
  explicit TarReader(const TarLimits& limits) : limits_(limits) {}
  // Only after kInput, or first of all. The bytes stay the caller's, and there until the next
  // kInput.
  void Feed(const char* data, size_t size);
  TarEvent Next();
  // After kInput: nothing more will come. Answers kEnd or kFault.
  TarEvent FinishInput();

  const TarEntry& entry() const { return entry_; }
  size_t xattrs() const { return pax_.xattrs(); }
  const TarXattr& xattr(size_t index) { return pax_.xattr(index); }
  uint32_t unread() const { return pax_.unread(); }
  // The piece of kData, and how much of the body is still to come behind it.
  TarText data() const { return data_; }
  uint64_t left() const { return left_; }

  TarFault fault() const { return fault_; }
  // The number of the current entry, from 1 on, and where the header that was read last begins.
  uint64_t number() const { return entries_ + (in_entry_ ? 0 : 1); }
  uint64_t offset() const { return block_at_; }
  uint64_t entries() const { return entries_; }
  uint64_t position() const { return position_; }

 private:
  enum class State { kHeader, kExtension, kBody, kPadding, kTrailer, kFault };
  TarEvent Fail(TarFault fault);
  size_t Take(uint64_t most);
  bool FillBlock();
  TarFault OnBlock();
  TarFault OnZeroBlock();
  TarFault OnHeader();
  TarFault ReadFields();
  TarFault StartExtension(char type);
  TarFault FinishExtension();
  TarFault FinishLongName();
  TarFault StartEntry();
  TarFault ApplyName();
  TarFault ApplyLink();
  TarFault ApplySize();
  TarFault JudgeNames() const;
  TarEvent ReadBody();
  void StartPadding(uint64_t size);
  bool HasExtension() const { return seen_pax_ || seen_name_ || seen_link_; }

  TarLimits limits_;
  State state_ = State::kHeader;
  TarFault fault_ = TarFault::kNone;
  const char* input_ = nullptr;
  size_t input_size_ = 0;
  // More was fed than the limit lets in.
  bool over_ = false;
  uint64_t position_ = 0;
  char block_[kTarBlock];
  size_t block_used_ = 0;
  uint64_t block_at_ = 0;
  uint64_t left_ = 0;
  uint64_t padding_ = 0;
  int zero_blocks_ = 0;
  uint64_t entries_ = 0;
  // Between an entry's header and the end of its padding.
  bool in_entry_ = false;
  char extension_type_ = 0;
  Buffer extension_;
  bool seen_pax_ = false;
  bool seen_name_ = false;
  bool seen_link_ = false;
  // What the records of `pax_` point into.
  Buffer pax_block_;
  PaxRecords pax_;
  Buffer long_name_;
  Buffer long_link_;
  Buffer joined_;
  TarEntry entry_ = {};
  TarText data_;
};

}  // namespace graphdriver
