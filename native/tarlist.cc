#include "tarlist.h"

#include <errno.h>

#include "tarreader.h"

namespace graphdriver {

namespace {

constexpr size_t kListHead = 6;

class Lister {
 public:
  explicit Lister(const TarLimits& limits) : reader_(limits) {}
  WideTable Run(Bytes archive, Numbers32 pieces);

 private:
  bool AddHead();
  bool AddRow();
  bool AddXattrs();
  // All events of what was fed. The last one, or kFault without memory.
  TarEvent Drain();
  TarReader reader_;
  WideTable table_;
  WideTable xattrs_;
  int64_t xattr_count_ = 0;
  bool short_of_memory_ = false;
};

// Filled in at the end.
bool Lister::AddHead() {
  for (size_t i = 0; i < kListHead; i++) {
    if (!table_.Add(0)) return false;
  }
  return true;
}

bool Lister::AddXattrs() {
  size_t count = reader_.xattrs();
  for (size_t i = 0; i < count; i++) {
    const TarXattr& xattr = reader_.xattr(i);
    int64_t begin = static_cast<int64_t>(table_.text.size());
    int64_t middle = begin + static_cast<int64_t>(xattr.name.size);
    int64_t end = middle + static_cast<int64_t>(xattr.value.size);
    bool added = table_.text.Append(xattr.name.data, xattr.name.size) &&
                 table_.text.Append(xattr.value.data, xattr.value.size) && xattrs_.Add(begin) &&
                 xattrs_.Add(middle) && xattrs_.Add(middle) && xattrs_.Add(end);
    if (!added) return false;
  }
  bool added = table_.Add(xattr_count_) && table_.Add(static_cast<int64_t>(count));
  xattr_count_ += static_cast<int64_t>(count);
  return added;
}

bool Lister::AddRow() {
  const TarEntry& entry = reader_.entry();
  const int64_t numbers[] = {static_cast<int64_t>(entry.type),
                             static_cast<int64_t>(entry.size),
                             entry.mode,
                             entry.uid,
                             entry.gid,
                             entry.mtime.seconds,
                             entry.mtime.nanoseconds,
                             entry.major,
                             entry.minor};
  return table_.rows.Append(numbers, sizeof numbers) &&
         table_.AddText(entry.name.data, entry.name.size) &&
         table_.AddText(entry.link.data, entry.link.size) && AddXattrs();
}

TarEvent Lister::Drain() {
  while (true) {
    TarEvent event = reader_.Next();
    if (event == TarEvent::kData) continue;
    if (event != TarEvent::kEntry) return event;
    if (AddRow()) continue;
    short_of_memory_ = true;
    return TarEvent::kFault;
  }
}

WideTable Lister::Run(Bytes archive, Numbers32 pieces) {
  short_of_memory_ = !AddHead();
  TarEvent event = short_of_memory_ ? TarEvent::kFault : TarEvent::kInput;
  size_t at = 0;
  for (size_t turn = 0; event == TarEvent::kInput && at < archive.size; turn++) {
    size_t size = archive.size - at;
    if (pieces.size > 0) {
      int32_t piece = pieces.data[turn % pieces.size];
      if (piece < 1) piece = 1;
      if (static_cast<size_t>(piece) < size) size = static_cast<size_t>(piece);
    }
    reader_.Feed(reinterpret_cast<const char*>(archive.data) + at, size);
    at += size;
    event = Drain();
  }
  if (event == TarEvent::kInput) reader_.FinishInput();
  int64_t begin = static_cast<int64_t>(table_.text.size());
  TarText name = reader_.entry().name;
  bool added = !short_of_memory_ && reader_.fault() != TarFault::kNoMemory &&
               table_.text.Append(name.data, name.size) &&
               table_.rows.Append(xattrs_.rows.data(), xattrs_.rows.size());
  if (!added) {
    table_.error = -ENOMEM;
    return static_cast<WideTable&&>(table_);
  }
  const int64_t head[kListHead] = {
      static_cast<int64_t>(reader_.fault()),   static_cast<int64_t>(reader_.number()),
      static_cast<int64_t>(reader_.offset()),  begin,
      begin + static_cast<int64_t>(name.size), static_cast<int64_t>(reader_.entries())};
  memcpy(table_.rows.data(), head, sizeof head);
  return static_cast<WideTable&&>(table_);
}

}  // namespace

bool ReadLimits(Bytes bytes, TarLimits* limits) {
  if (bytes.size != sizeof *limits) return false;
  memcpy(limits, bytes.data, sizeof *limits);
  return true;
}

WideTable ListTar(Bytes archive, Numbers32 pieces, Bytes limits) {
  TarLimits read;
  if (!ReadLimits(limits, &read)) {
    WideTable table;
    table.error = -EINVAL;
    return table;
  }
  return Lister(read).Run(archive, pieces);
}

}  // namespace graphdriver
