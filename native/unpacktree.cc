#include "unpacktree.h"

#include <string.h>
#include <sys/stat.h>

#include <new>

#include "tree.h"
#include "walk.h"

namespace graphdriver {

namespace {

constexpr uint32_t kMostMajor = (1u << 12) - 1;
constexpr uint32_t kMostMinor = (1u << 20) - 1;

unsigned TypeBits(TarType type) {
  return type == TarType::kChar ? S_IFCHR : type == TarType::kBlock ? S_IFBLK : S_IFIFO;
}

// What a path that leads nowhere answers.
bool IsNoDirectory(long error) {
  return error == -ENOTDIR || error == -ELOOP;
}

bool IsEmpty(int directory) {
  alignas(8) char records[1024];
  long size = CallAgain(SYS_getdents64, directory, static_cast<void*>(records), sizeof records);
  // "." and "..", 24 bytes each.
  return size >= 0 && size <= 48;
}

}  // namespace

UnpackFile* UnpackFile::Create() {
  void* memory = malloc(sizeof(UnpackFile));
  return memory == nullptr ? nullptr : new (memory) UnpackFile;
}

void UnpackFile::Destroy(UnpackFile* file) {
  if (file == nullptr) return;
  file->~UnpackFile();
  free(file);
}

UnpackFailure UnpackFile::Write(const char* data, size_t size) const {
  while (size > 0) {
    long count = CallAgain(SYS_write, fd.get(), static_cast<const void*>(data), size);
    if (count < 0) return {count, "write"};
    data += count;
    size -= static_cast<size_t>(count);
  }
  return {};
}

UnpackFailure UnpackFile::Finish(UnpackNotes* notes) const {
  return SetAttributes({fd.get(), -1, nullptr}, false, attributes, xattrs, notes, path.data());
}

UnpackFailure UnpackTree::Open(int directory) {
  user_ = UnpackUser::Become();
  whiteouts_ = form_ == Form::kAufs && !IsEmpty(directory);
  return {root_.Open(directory), "statx"};
}

UnpackFailure UnpackTree::FindParent(bool make) {
  long error = root_.Find(name_.path(), name_.parent_size(), make ? this : nullptr, &parent_);
  if (IsNoDirectory(error)) return TarFault::kParent;
  return {error, "openat2"};
}

UnpackFailure UnpackTree::Clear() {
  Statx stat;
  long error = StatxOf(parent_.fd, base(), kSymlinkNofollow, &stat);
  if (error == -ENOENT) return {};
  if (error != 0) return {error, "statx"};
  unsigned type = stat.mode & S_IFMT;
  if (type == S_IFDIR) {
    TreeResult removed = RemoveTree(parent_.fd, {base(), strlen(base())});
    if (removed.error != 0 && removed.error != -ENOENT) return {removed.error, removed.call};
  } else {
    error = CallAgain(SYS_unlinkat, parent_.fd, static_cast<const void*>(base()), 0);
    if (error != 0 && error != -ENOENT) return {error, "unlinkat"};
    replaced_ = true;
  }
  // Paths may have led through it.
  if (type == S_IFDIR || type == S_IFLNK) root_.Forget();
  return {};
}

UnpackFailure UnpackTree::Make(TarReader* reader, UnpackFile** file) {
  *file = nullptr;
  replaced_ = false;
  const TarEntry& entry = reader->entry();
  TarFault fault = name_.Set(entry.name);
  if (fault != TarFault::kNone) return fault;
  path_.SetSize(0);
  if (!path_.Append(name_.path(), name_.size() + 1)) return TarFault::kNoMemory;
  switch (name_.kind()) {
    case NameKind::kDropped:
      return {};
    case NameKind::kRoot:
      // What replaces the root would be the layer itself.
      return entry.type == TarType::kDirectory ? SetRoot(reader) : UnpackFailure{};
    case NameKind::kPseudoLink:
      return KeepPseudoLink(reader, file);
    case NameKind::kWhiteout:
      return IsWhiteoutEntry(entry) ? MakeWhiteout() : TarFault::kWhiteoutType;
    case NameKind::kOpaque:
      return IsWhiteoutEntry(entry) ? MakeOpaque() : TarFault::kWhiteoutType;
    case NameKind::kOrdinary:
      break;
  }
  return MakeOrdinary(reader, file);
}

UnpackFailure UnpackTree::MakeOrdinary(TarReader* reader, UnpackFile** file) {
  const TarEntry& entry = reader->entry();
  if (entry.type == TarType::kLink) return MakeLink(entry);
  UnpackFailure failure = JudgeDevice(entry);
  if (!failure.failed()) failure = FindParent(true);
  if (failure.failed()) return failure;
  if (!xattrs_.Take(reader, notes_, name_.path())) return TarFault::kNoMemory;
  if (entry.type == TarType::kDirectory) {
    failure = MakeDirectory(reader);
  } else {
    if (whiteouts_) TakeWhiteout(parent_.fd, base());
    failure = entry.type == TarType::kFile ? MakeFile(reader, file) : MakeNode(reader);
  }
  if (failure.failed() || form_ != Form::kPlain) return failure;
  return made_.Add(parent_.ino, base()) ? UnpackFailure{} : TarFault::kNoMemory;
}

UnpackFailure UnpackTree::MakeFile(TarReader* reader, UnpackFile** file) {
  const TarEntry& entry = reader->entry();
  long fd = -1;
  UnpackFailure failure = Place("openat", [&] {
    return fd = CallAgain(SYS_openat, parent_.fd, static_cast<const void*>(base()),
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, entry.mode & 0777u);
  });
  if (failure.failed()) return failure;
  Descriptor made(fd);
  UnpackFile* opened = UnpackFile::Create();
  if (opened == nullptr) return TarFault::kNoMemory;
  *file = opened;
  opened->fd.Reset(made.Take());
  opened->attributes = AttributesOf(entry, parent_, user_, xattrs_);
  xattrs_.MoveTo(&opened->xattrs);
  bool named = opened->path.Append(name_.path(), name_.size() + 1);
  return named ? UnpackFailure{} : TarFault::kNoMemory;
}

UnpackFailure UnpackTree::JudgeDevice(Entry entry) const {
  if (entry.type != TarType::kChar && entry.type != TarType::kBlock) return {};
  // mknod(2) would take other ones for these.
  if (entry.major > kMostMajor || entry.minor > kMostMinor) return TarFault::kDeviceNumber;
  bool whiteout = entry.type == TarType::kChar && entry.major == 0 && entry.minor == 0;
  return whiteout ? TarFault::kWhiteoutDevice : UnpackFailure{};
}

UnpackFailure UnpackTree::MakeNode(TarReader* reader) {
  const TarEntry& entry = reader->entry();
  bool is_link = entry.type == TarType::kSymlink;
  UnpackFailure failure;
  if (is_link) {
    Buffer target;
    if (!target.Append(entry.link.data, entry.link.size) || !target.Append('\0'))
      return TarFault::kNoMemory;
    failure = Place("symlinkat", [&] {
      return CallAgain(SYS_symlinkat, static_cast<const void*>(target.data()), parent_.fd,
                       static_cast<const void*>(base()));
    });
  } else {
    failure = Place("mknodat", [&] {
      return CallAgain(SYS_mknodat, parent_.fd, static_cast<const void*>(base()),
                       TypeBits(entry.type) | entry.mode, DeviceNumber(entry.major, entry.minor));
    });
    if (failure.error == -EPERM && entry.type != TarType::kFifo) {
      notes_->Add(UnpackNotice::kDeviceRefused, failure.error, name_.path());
      return {};
    }
  }
  if (failure.failed()) return failure;
  UnpackAttributes attributes = AttributesOf(entry, parent_, user_, xattrs_);
  return SetAttributes({-1, parent_.fd, base()}, is_link, attributes, xattrs_, notes_,
                       name_.path());
}

// In a layer over others, one that takes the place of something that hid what they have there goes
// on hiding it.
UnpackFailure UnpackTree::MakeDirectory(TarReader* reader) {
  const TarEntry& entry = reader->entry();
  bool existed = false;
  if (whiteouts_ && TakeWhiteout(parent_.fd, base())) replaced_ = true;
  UnpackFailure failure = Place("mkdirat", [&] {
    long made = CallAgain(SYS_mkdirat, parent_.fd, static_cast<const void*>(base()),
                          (entry.mode & 0777u) | 0700u);
    Statx stat;
    existed = made == -EEXIST && StatxOf(parent_.fd, base(), kSymlinkNofollow, &stat) == 0 &&
              (stat.mode & S_IFMT) == S_IFDIR;
    return existed ? 0 : made;
  });
  if (failure.failed()) return failure;
  Descriptor fd(CallAgain(SYS_openat, parent_.fd, static_cast<const void*>(base()),
                          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.failed()) return {fd.get(), "openat"};
  failure = FinishDirectory(entry, fd.get(), existed);
  if (failure.failed()) return failure;
  UnpackDirectory directory;
  directory.fd = fd.get();
  if (long error = root_.Identify(&directory)) return {error, "statx"};
  if (replaced_ && form_ != Form::kPlain) failure = MarkOpaque(fd.get(), directory.ino);
  if (failure.failed()) return failure;
  if (!times_.Add(name_.path(), name_.size(), directory.ino, entry.mtime))
    return TarFault::kNoMemory;
  fd.Take();
  root_.Add(name_.path(), name_.size(), directory);
  return {};
}

UnpackFailure UnpackTree::FinishDirectory(Entry entry, int fd, bool existed) {
  UnpackAttributes attributes = AttributesOf(entry, parent_, user_, xattrs_);
  attributes.set_time = false;
  if ((entry.mode & 0700) != 0700) attributes.set_mode = true;
  if (existed) {
    attributes.set_owner = attributes.set_mode = true;
    UnpackFailure failure = RemoveOtherXattrs(fd, xattrs_);
    if (failure.failed()) return failure;
  }
  return SetAttributes({fd, -1, nullptr}, false, attributes, xattrs_, notes_, name_.path());
}

UnpackFailure UnpackTree::SetRoot(TarReader* reader) {
  const TarEntry& entry = reader->entry();
  if (!xattrs_.Take(reader, notes_, "")) return TarFault::kNoMemory;
  UnpackFailure failure = FinishDirectory(entry, root_.fd(), true);
  has_root_time_ = true;
  root_time_ = entry.mtime;
  root_.Forget();
  return failure;
}

// Kept where no entry can have its name, until all links to it are made.
UnpackFailure UnpackTree::KeepPseudoLink(TarReader* reader, UnpackFile** file) {
  const TarEntry& entry = reader->entry();
  if (entry.type == TarType::kDirectory) return {};
  if (entry.type != TarType::kFile) return TarFault::kWhiteoutType;
  long error = 0;
  if (!pseudo_links_) {
    error = CallAgain(SYS_mkdirat, root_.fd(), static_cast<const void*>(kPseudoLinks), 0700);
  }
  if (error != 0) return {error, "mkdirat"};
  pseudo_links_ = true;
  error = root_.Find(kPseudoLinks, strlen(kPseudoLinks), nullptr, &parent_);
  if (error != 0) return {error, "openat2"};
  if (!xattrs_.Take(reader, notes_, name_.path())) return TarFault::kNoMemory;
  UnpackFailure failure = MakeFile(reader, file);
  if (failure.failed() || form_ != Form::kPlain) return failure;
  // An opaque root leaves them alone.
  bool noted = made_.Add(root_.ino(), kPseudoLinks) && made_.Add(parent_.ino, base());
  return noted ? UnpackFailure{} : TarFault::kNoMemory;
}

UnpackFailure UnpackTree::Finish() {
  UnpackFailure failure = RemovePseudoLinks();
  if (failure.failed()) return failure;
  failure = times_.Apply(&root_, &path_);
  if (failure.failed() || !has_root_time_) return failure;
  return SetTime({root_.fd(), -1, nullptr}, root_time_);
}

void UnpackTree::Close() {
  RemovePseudoLinks();
  root_.Close();
}

UnpackFailure UnpackTree::RemovePseudoLinks() {
  if (!pseudo_links_) return {};
  pseudo_links_ = false;
  root_.Forget();
  TreeResult removed = RemoveTree(root_.fd(), {kPseudoLinks, strlen(kPseudoLinks)});
  return {removed.error, removed.call};
}

}  // namespace graphdriver
