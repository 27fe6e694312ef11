#include "view.h"

#include <dirent.h>

#include <algorithm>

#include "directory.h"

namespace graphdriver {

namespace {

constexpr size_t kKeySize = sizeof(uint64_t);

// Compares like the bytes that it is made of.
uint64_t KeyOf(const char* name) {
  uint64_t key = 0;
  size_t i = 0;
  while (i < kKeySize && name[i] != 0) key = key << 8 | static_cast<unsigned char>(name[i++]);
  return i == 0 ? 0 : key << (8 * (kKeySize - i));
}

// Renamed or removed since its directory was read, or something else in its place by now.
bool IsGone(long error) {
  return error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
}

bool HasXattr(int directory, const char* name, const char* attribute) {
  return Call(SYS_lgetxattr, static_cast<const void*>(FdPath(directory, name).data()),
              static_cast<const void*>(attribute), nullptr, 0) >= 0;
}

}  // namespace

bool View::Fail(long error, const char* call, uint32_t layer) {
  failure_ = {error, call, layer};
  return false;
}

bool View::AddLayer(const char* path) {
  uint32_t index = static_cast<uint32_t>(layers_.size());
  LayerRoot root{path, 0, 0, 0};
  if (!layers_.Push(root)) return Fail(-ENOMEM, "malloc", ViewFailure::kNoLayer);
  Statx stat;
  if (long error = StatxOf(AT_FDCWD, path, 0, &stat)) return Fail(error, "statx", index);
  if (stat.mode >> 12 != DT_DIR) return Fail(-ENOTDIR, "openat", index);
  layers_.Top() = {path, stat.ino, stat.dev_major, stat.dev_minor};
  return true;
}

bool View::Open(Bytes paths, Form form) {
  form_ = form;
  const char* end = reinterpret_cast<const char*>(paths.data) + paths.size;
  for (const char* path = end - paths.size; path < end; path += strlen(path) + 1) {
    if (!AddLayer(path)) return false;
  }
  return true;
}

bool View::EnterRoot() {
  uint32_t count = static_cast<uint32_t>(layers_.size());
  for (uint32_t layer = 0; layer < count; layer++) {
    if (!members_.Push(layer)) return Fail(-ENOMEM, "malloc", ViewFailure::kNoLayer);
  }
  return Arrive(0, count, false, true);
}

bool View::Enter(size_t index, bool list) {
  ViewEntry entry = At(index);
  if (!path_.Push(Name(index))) return Fail(-ENOMEM, "malloc", ViewFailure::kNoLayer);
  return Arrive(entry.first, entry.count, entry.closed || closed(), list);
}

bool View::Arrive(uint32_t first, uint32_t count, bool closed, bool list) {
  Level level{names_.size(), entries_.size(), members_.size(), first, count, closed, false, false};
  if (!levels_.Push(level)) return Fail(-ENOMEM, "malloc", ViewFailure::kNoLayer);
  return !list || List();
}

void View::Leave() {
  const Level& level = levels_.Top();
  names_.SetSize(level.names);
  while (entries_.size() > level.entries) entries_.Pop();
  while (members_.size() > level.members) members_.Pop();
  levels_.Pop();
  if (levels_.size() == 0) return;
  directories_.Leave(levels_.size());
  path_.Pop();
}

View::Opacity View::OpacityOf(int fd) const {
  char value[2];
  // Of another length it means nothing (fs/overlayfs/util.c, ovl_get_opaquedir_val).
  if (!IsOverlay(form_) || Call(SYS_fgetxattr, fd, static_cast<const void*>(OpaqueXattr(form_)),
                                static_cast<void*>(value), sizeof value) != 1) {
    return Opacity::kNone;
  }
  if (value[0] == 'x') return Opacity::kFileWhiteouts;
  // overlay never asks it of the root (fs/overlayfs/super.c, ovl_get_root).
  return value[0] == 'y' && levels_.size() > 1 ? Opacity::kOpaque : Opacity::kNone;
}

// What an entry counts as, or a negative errno. Looks at it only where its listing does not tell.
long View::TypeOf(int fd, const char* name, unsigned char type, Opacity opacity) const {
  if (type == DT_SOCK) return sockets_ ? type : kWhiteoutType;
  bool file_whiteouts = opacity == Opacity::kFileWhiteouts;
  bool perhaps = IsOverlay(form_) && (type == DT_CHR || (type == DT_REG && file_whiteouts));
  if (type != DT_UNKNOWN && !perhaps) return type;
  Statx stat;
  if (long error = StatxOf(fd, name, kSymlinkNofollow, &stat)) return error;
  type = static_cast<unsigned char>(stat.mode >> 12);
  if (type == DT_SOCK) return sockets_ ? type : kWhiteoutType;
  if (!IsOverlay(form_)) return type;
  bool gone = type == DT_CHR && stat.rdev_major == 0 && stat.rdev_minor == 0;
  if (type == DT_REG && file_whiteouts && stat.size == 0)
    gone = HasXattr(fd, name, WhiteoutXattr(form_));
  return gone ? kWhiteoutType : type;
}

bool View::AddRaw(uint32_t layer, const char* name, uint64_t ino, unsigned char type) {
  size_t place = names_.size();
  if (place > UINT32_MAX) return Fail(-EOVERFLOW, "getdents64", layer);
  Raw raw{KeyOf(name), ino, static_cast<uint32_t>(place), layer, type};
  if (names_.Append(name, strlen(name) + 1) && raws_.Push(raw)) return true;
  return Fail(-ENOMEM, "malloc", ViewFailure::kNoLayer);
}

// A name that begins with ".wh." in a layer of aufs's form.
bool View::ReadReserved(uint32_t layer, const char* name, Opacity* opacity) {
  if (strcmp(name, kOpaqueMarker) == 0 && levels_.size() > 1) *opacity = Opacity::kOpaque;
  if (IsMetaName(name)) return true;
  const char* hidden = name + kWhiteoutPrefixSize;
  if (*hidden == 0 || IsDots(hidden)) return true;
  return AddRaw(layer, hidden, 0, kWhiteoutType);
}

bool View::ReadRecords(uint32_t layer, int fd, const char* records, long size, Opacity* opacity) {
  for (long at = 0; at < size;) {
    const DirectoryRecord* record = reinterpret_cast<const DirectoryRecord*>(records + at);
    at += record->size;
    if (IsDots(record->name)) continue;
    if (form_ == Form::kAufs && IsWhiteoutName(record->name)) {
      if (!ReadReserved(layer, record->name, opacity)) return false;
      continue;
    }
    long type = TypeOf(fd, record->name, record->type, *opacity);
    if (IsGone(type)) continue;
    if (type < 0) return Fail(type, "statx", layer);
    if (!AddRaw(layer, record->name, record->ino, static_cast<unsigned char>(type))) return false;
  }
  return true;
}

bool View::ReadLayer(uint32_t layer, int fd, Opacity* opacity) {
  *opacity = OpacityOf(fd);
  // The descriptor may be that of an earlier look.
  if (long error = Call(SYS_lseek, fd, 0, SEEK_SET)) return Fail(error, "lseek", layer);
  alignas(8) char records[1 << 15];
  while (true) {
    long size = CallAgain(SYS_getdents64, fd, static_cast<void*>(records), sizeof records);
    // ENOENT: the directory itself is gone (getdents64(2)).
    if (size == 0 || (size == -ENOENT && level() > 0)) return true;
    if (size == -ENOENT) return Fail(-ESTALE, "getdents64", layer);
    if (size < 0) return Fail(size, "getdents64", layer);
    if (!ReadRecords(layer, fd, records, size, opacity)) return false;
  }
}

bool View::List() {
  Level level = levels_.Top();
  size_t seen = 0;
  while (raws_.size() > 0) raws_.Pop();
  for (uint32_t i = 0; i < level.count; i++) {
    uint32_t layer = members_.At(level.first + i);
    long fd = Fd(layer, this->level());
    if (IsGone(fd) && this->level() > 0) continue;
    if (fd == -EXDEV) {
      levels_.Top().covered = true;
      return true;
    }
    if (fd < 0) return Fail(fd, "openat2", layer);
    seen++;
    Opacity opacity;
    if (!ReadLayer(layer, static_cast<int>(fd), &opacity)) return false;
    if (opacity == Opacity::kOpaque) {
      levels_.Top().closed = true;
      break;
    }
  }
  levels_.Top().gone = seen == 0;
  return Merge();
}

int View::Order(const Raw& a, const Raw& b) const {
  if (a.key != b.key) return a.key < b.key ? -1 : 1;
  // The whole name is in the key.
  if ((a.key & 0xff) == 0) return 0;
  return strcmp(names_.data() + a.name + kKeySize, names_.data() + b.name + kKeySize);
}

// One name, as every layer has it, from the top.
bool View::MergeName(size_t begin, size_t end) {
  const Raw& top = raws_.At(begin);
  if (top.type == kWhiteoutType && !whiteouts_) return true;
  uint32_t first = static_cast<uint32_t>(members_.size());
  ViewEntry entry{top.ino, top.name, top.layer, first, 0, top.type, false};
  for (size_t i = begin; top.type == DT_DIR && i < end; i++) {
    // A whiteout, or no directory: it hides the directories below it.
    entry.closed = raws_.At(i).type != DT_DIR;
    if (entry.closed) break;
    if (!members_.Push(raws_.At(i).layer)) return Fail(-ENOMEM, "malloc", ViewFailure::kNoLayer);
    entry.count++;
  }
  return entries_.Push(entry) || Fail(-ENOMEM, "malloc", ViewFailure::kNoLayer);
}

bool View::Merge() {
  size_t count = raws_.size();
  if (count == 0) return true;
  std::sort(&raws_.At(0), &raws_.At(0) + count, [this](const Raw& a, const Raw& b) {
    int order = Order(a, b);
    if (order != 0) return order < 0;
    // Whiteouts last: an entry of the same layer wins.
    return a.layer != b.layer ? a.layer < b.layer : a.type < b.type;
  });
  for (size_t begin = 0; begin < count;) {
    size_t end = begin + 1;
    while (end < count && Order(raws_.At(begin), raws_.At(end)) == 0) end++;
    if (!MergeName(begin, end)) return false;
    begin = end;
  }
  return true;
}

}  // namespace graphdriver
