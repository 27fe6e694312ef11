#include "treepacker.h"

#include <dirent.h>

#include <new>

namespace graphdriver {

TreePacker::~TreePacker() {
  while (levels_.size() > 0) {
    levels_.Top()->~Level();
    free(levels_.Top());
    levels_.Pop();
  }
  CloseQuietly(root_);
  CloseQuietly(parent_);
}

// `path_` is the path of a directory, with its slash, and then this name.
bool TreePacker::SetName(size_t path_size, const char* name) {
  path_.SetSize(path_size);
  return path_.Append(name, strlen(name)) || writer_->Fail(-ENOMEM, "malloc");
}

bool TreePacker::IsOverlayWhiteout(const Level& level, const Listing::Item& item,
                                   const char* name) {
  if (item.type == DT_CHR || item.type == DT_UNKNOWN) {
    Statx stat;
    return StatxOf(trail_.fd(), name, kSymlinkNofollow, &stat) == 0 && TypeOf(stat) == DT_CHR &&
           stat.rdev_major == 0 && stat.rdev_minor == 0;
  }
  if (item.type != DT_REG || !level.xattr_whiteouts) return false;
  char byte;
  FdPath path(trail_.fd(), name);
  return CallAgain(SYS_lgetxattr, static_cast<const void*>(path.data()),
                   static_cast<const void*>(WhiteoutXattr(form_)), static_cast<void*>(&byte),
                   sizeof byte) >= 0;
}

TreePacker::Meaning TreePacker::MeaningOf(const Level& level, const Listing::Item& item,
                                          const char* name) {
  if (form_ == Form::kAufs) {
    if (IsMetaName(name)) return Meaning::kHidden;
    return IsWhiteoutName(name) ? Meaning::kWhiteout : Meaning::kEntry;
  }
  if (IsOverlay(form_) && IsOverlayWhiteout(level, item, name)) return Meaning::kWhiteout;
  // In a tar it would delete something.
  return IsWhiteoutName(name) ? Meaning::kReserved : Meaning::kEntry;
}

// The root has an entry only where it is not what a new layer is given.
bool TreePacker::RootDiffers(bool* differs) {
  Statx root;
  Statx parent{};
  parent.mode = 0755;
  XattrRecords root_xattrs;
  XattrRecords parent_xattrs;
  if (long error = StatxOf(root_, "", kEmptyPath, &root)) return writer_->Fail(error, "statx");
  if (long error = root_xattrs.Read(root_)) return writer_->Fail(error, "fgetxattr");
  if (parent_ >= 0) {
    if (long error = StatxOf(parent_, "", kEmptyPath, &parent)) {
      return writer_->Fail(error, "statx");
    }
    if (long error = parent_xattrs.Read(parent_)) return writer_->Fail(error, "fgetxattr");
  }
  *differs = ((root.mode ^ parent.mode) & 07777) != 0 || root.uid != parent.uid ||
             root.gid != parent.gid || !(root_xattrs == parent_xattrs);
  return true;
}

bool TreePacker::PackRoot() {
  bool differs;
  if (!RootDiffers(&differs)) return false;
  if (differs && !entries_->PackDirectory(root_, "./", 2)) return false;
  Descriptor root(root_);
  root_ = -1;
  return Enter(&root);
}

bool TreePacker::PackOpaque(Level* level, int fd) {
  // Unions join the roots of their layers whatever those say.
  bool opaque = false;
  if (form_ == Form::kAufs) {
    opaque = level->listing.Find(kOpaqueMarker) >= 0 && level->path_size > 0;
  } else if (IsOverlay(form_)) {
    char value[2];
    long size = CallAgain(SYS_fgetxattr, fd, static_cast<const void*>(OpaqueXattr(form_)),
                          static_cast<void*>(value), sizeof value);
    opaque = size == 1 && value[0] == 'y' && level->path_size > 0;
    level->xattr_whiteouts = size == 1 && value[0] == 'x';
  }
  return !opaque || writer_->Opaque(path_.data(), level->path_size);
}

bool TreePacker::PackWhiteouts(Level* level) {
  if (form_ == Form::kPlain) return true;
  for (size_t i = 0; i < level->listing.size(); i++) {
    const char* name = level->listing.Name(i);
    if (MeaningOf(*level, level->listing.At(i), name) != Meaning::kWhiteout) continue;
    if (form_ == Form::kAufs) name += kWhiteoutPrefixSize;
    if (!writer_->Whiteout(path_.data(), level->path_size, name)) return false;
  }
  return true;
}

// `path_` leads there.
bool TreePacker::Enter(Descriptor* fd) {
  Level* level = static_cast<Level*>(malloc(sizeof(Level)));
  if (level == nullptr) return writer_->Fail(-ENOMEM, "malloc");
  new (level) Level;
  level->path_size = path_.size();
  if (!levels_.Push(level)) {
    level->~Level();
    free(level);
    return writer_->Fail(-ENOMEM, "malloc");
  }
  int directory = fd->get();
  if (long error = trail_.Push(fd->Take())) return writer_->Fail(error, "openat");
  if (long error = level->listing.Read(directory)) {
    return writer_->Fail(error, "getdents64", path_.data(), path_.size());
  }
  return PackOpaque(level, directory) && PackWhiteouts(level);
}

bool TreePacker::EnterDirectory(const Place& place, bool* changed) {
  Descriptor fd(entries_->OpenDirectory(place));
  if (fd.get() == -EXDEV) return entries_->PackMountPoint(place);
  if (fd.get() == -ENOENT) return entries_->Warn(Notice::kVanished, place);
  *changed = fd.get() == -ENOTDIR || fd.get() == -ELOOP;
  if (*changed) return true;
  if (fd.failed()) return writer_->Fail(fd.get(), "openat2", place.path, place.path_size);
  if (!path_.Append('/')) return writer_->Fail(-ENOMEM, "malloc");
  return entries_->PackDirectory(fd.get(), path_.data(), path_.size()) && Enter(&fd);
}

bool TreePacker::PackItem(Level* level, const Listing::Item& item, const char* name) {
  if (!SetName(level->path_size, name)) return false;
  Place place{trail_.fd(), name, path_.data(), path_.size()};
  unsigned char type = item.type;
  constexpr int kTries = 4;
  for (int tries = 0; tries < kTries; tries++) {
    Packed packed = entries_->Pack(place, type);
    if (packed != Packed::kDirectory) return packed == Packed::kDone;
    bool changed = false;
    if (!EnterDirectory(place, &changed)) return false;
    if (!changed) return true;
    type = DT_UNKNOWN;
  }
  return entries_->Warn(Notice::kChanged, place);
}

bool TreePacker::Leave() {
  levels_.Top()->~Level();
  free(levels_.Top());
  levels_.Pop();
  Descriptor left;
  if (long error = trail_.Pop(&left)) {
    return writer_->Fail(error, "openat", path_.data(), path_.size());
  }
  return true;
}

bool TreePacker::Step() {
  Level* level = top();
  if (level->next == level->listing.size()) return Leave();
  const Listing::Item& item = level->listing.At(level->next);
  const char* name = level->listing.Name(level->next);
  level->next++;
  switch (MeaningOf(*level, item, name)) {
    case Meaning::kEntry:
      return PackItem(level, item, name);
    case Meaning::kReserved:
      return SetName(level->path_size, name) &&
             writer_->Warn(Notice::kReservedName, path_.data(), path_.size());
    default:
      return true;
  }
}

bool TreePacker::Run(TarWriter* writer, const std::atomic<uint32_t>* cancelled) {
  EntryPacker entries(writer, form_);
  writer_ = writer;
  entries_ = &entries;
  if (!PackRoot()) return false;
  while (levels_.size() > 0) {
    if (cancelled->load(std::memory_order_relaxed) != 0) return writer_->Fail(-ECANCELED, "write");
    if (!Step()) return false;
  }
  return writer_->Finish();
}

}  // namespace graphdriver
