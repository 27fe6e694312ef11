#include "tarwriter.h"

#include <errno.h>

#include "layerform.h"

namespace graphdriver {

bool PackNotes::Warn(Notice notice, const char* path, size_t size) {
  Guard guard(&mutex_);
  size_t start = text_.size();
  int32_t row[] = {static_cast<int32_t>(notice), static_cast<int32_t>(start),
                   static_cast<int32_t>(start + size)};
  if (start + size > INT32_MAX) return false;
  return text_.Append(path, size) && rows_.Append(row, sizeof row);
}

Row PackNotes::Progress() const {
  Row row;
  row.count = 2;
  row.values[0] = static_cast<int64_t>(bytes_.load(std::memory_order_relaxed));
  row.values[1] = static_cast<int64_t>(entries_.load(std::memory_order_relaxed));
  return row;
}

Table PackNotes::Warnings() {
  Guard guard(&mutex_);
  Table table;
  if (!table.rows.Append(rows_.data(), rows_.size()) ||
      !table.text.Append(text_.data(), text_.size())) {
    table.error = -ENOMEM;
  }
  return table;
}

bool TarWriter::Fail(long error, const char* call, const char* path, size_t size) {
  result_.error = static_cast<int>(error);
  result_.call = call;
  result_.path.SetSize(0);
  result_.path.Append(path, size);
  return false;
}

bool TarWriter::Warn(Notice notice, const char* path, size_t size) {
  return notes_->Warn(notice, path, size) || Fail(-ENOMEM, "malloc");
}

bool TarWriter::Header(const TarHeader& entry, const Buffer& xattrs) {
  blocks_.SetSize(0);
  bool made;
  if (whole_seconds_ && entry.nanoseconds != 0) {
    TarHeader whole = entry;
    whole.nanoseconds = 0;
    made = AppendTarHeader(&blocks_, whole, xattrs);
  } else {
    made = AppendTarHeader(&blocks_, entry, xattrs);
  }
  if (!made) return Fail(-ENOMEM, "malloc");
  if (long error = output_->Write(blocks_.data(), blocks_.size())) return Fail(error, "write");
  notes_->CountEntry();
  return true;
}

bool TarWriter::File(const TarHeader& entry, const Buffer& xattrs, int fd) {
  if (!Header(entry, xattrs)) return false;
  FileCopy copy = output_->CopyFile(fd, entry.size);
  if (copy.error != 0) {
    bool reading = strcmp(copy.call, "read") == 0;
    return reading ? Fail(copy.error, copy.call, entry.name, entry.name_size)
                   : Fail(copy.error, copy.call);
  }
  if (long error = output_->Zeros(TarPadding(entry.size))) return Fail(error, "write");
  if (copy.shrank) return Warn(Notice::kShrank, entry.name, entry.name_size);
  if (copy.grew) return Warn(Notice::kGrew, entry.name, entry.name_size);
  return true;
}

// The same for every form that it was made from, on every machine, at any time.
bool TarWriter::Marker(const char* path, size_t size, const char* prefix, const char* name) {
  name_.SetSize(0);
  if (!name_.Append(path, size) || !name_.Append(prefix, strlen(prefix)) ||
      !name_.Append(name, strlen(name))) {
    return Fail(-ENOMEM, "malloc");
  }
  TarHeader entry;
  entry.name = name_.data();
  entry.name_size = name_.size();
  return Header(entry, no_xattrs_);
}

bool TarWriter::Whiteout(const char* path, size_t size, const char* name) {
  return Marker(path, size, kWhiteoutPrefix, name);
}

bool TarWriter::Opaque(const char* path, size_t size) {
  return Marker(path, size, "", kOpaqueMarker);
}

bool TarWriter::Finish() {
  if (long error = output_->Zeros(2 * kTarBlock)) return Fail(error, "write");
  if (long error = output_->End()) return Fail(error, "write");
  result_.count = static_cast<int64_t>(output_->written());
  return true;
}

}  // namespace graphdriver
