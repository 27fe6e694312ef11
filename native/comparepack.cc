#include "comparepack.h"

#include <dirent.h>

#include <new>

#include "layerform.h"

namespace graphdriver {

namespace {

constexpr uint32_t kWholeSeconds = 1;
// Ends a comparison: the writer knows why.
constexpr long kNoted = -ECANCELED;

bool IsGone(long error) {
  return error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
}

Bytes BytesOf(const Buffer& buffer) {
  return {reinterpret_cast<const uint8_t*>(buffer.data()), buffer.size()};
}

}  // namespace

bool DifferencePacker::SetPaths(Bytes now, Bytes before) {
  return now_.Append(now.data, now.size) && before_.Append(before.data, before.size);
}

bool DifferencePacker::Fail(long error, const char* call, const Difference& what) {
  return writer_->Fail(error, call, what.path, what.path_size);
}

// Failures name the whole path, without the slash before it.
void DifferencePacker::NameLayer(const char* layer) {
  TreeResult* result = &writer_->result();
  if (result->path.size() == 0) return;
  path_.SetSize(0);
  if (!path_.Append(result->path.data(), result->path.size())) return;
  if (*layer == '/') layer++;
  result->path.SetSize(0);
  if (result->path.Append(layer, strlen(layer)) && result->path.Append('/')) {
    result->path.Append(path_.data(), path_.size());
  }
}

// Names that would delete something where the tar is unpacked. Aufs's own views have none.
bool DifferencePacker::IsLeftOut(const Difference& what, bool* failed) {
  *failed = false;
  size_t size = left_out_.size();
  if (size > 0 && what.path_size > size && memcmp(what.path, left_out_.data(), size) == 0) {
    return true;
  }
  if (!IsWhiteoutName(what.name)) return false;
  *failed = !writer_->Warn(Notice::kReservedName, what.path, what.path_size);
  if (*failed || what.type != DT_DIR || what.kind == ChangeKind::kDeleted) return true;
  left_out_.SetSize(0);
  bool kept = left_out_.Append(what.path, what.path_size) && left_out_.Append('/');
  *failed = !kept && !writer_->Fail(-ENOMEM, "malloc");
  return true;
}

// The root has an entry only where it is not what a new layer is given.
bool DifferencePacker::PackRoot(const Difference& root) {
  if (root.kind == ChangeKind::kKept) return true;
  long fd = root.Fd();
  if (fd < 0) return Fail(fd, "openat", root);
  if (root.kind == ChangeKind::kAdded) {
    Statx stat;
    XattrRecords xattrs;
    if (long error = StatxOf(static_cast<int>(fd), "", kEmptyPath, &stat)) {
      return Fail(error, "statx", root);
    }
    if (long error = xattrs.Read(static_cast<int>(fd))) return Fail(error, "fgetxattr", root);
    bool usual = (stat.mode & 07777) == 0755 && stat.uid == 0 && stat.gid == 0;
    if (usual && xattrs.records().size() == 0) return true;
  }
  return entries_->PackDirectory(static_cast<int>(fd), "./", 2);
}

bool DifferencePacker::PackDirectory(const Difference& directory) {
  if (directory.path_size == 0) return PackRoot(directory);
  long fd = directory.Fd();
  if (fd == -EXDEV) {
    long above = directory.view->Fd(directory.layer, directory.level - 1);
    if (above < 0) return Fail(above, "openat2", directory);
    return entries_->PackMountPoint(
        {static_cast<int>(above), directory.name, directory.path, directory.path_size});
  }
  if (IsGone(fd)) return writer_->Warn(Notice::kVanished, directory.path, directory.path_size);
  if (fd < 0) return Fail(fd, "openat2", directory);
  path_.SetSize(0);
  if (!path_.Append(directory.path, directory.path_size) || !path_.Append('/')) {
    return writer_->Fail(-ENOMEM, "malloc");
  }
  return entries_->PackDirectory(static_cast<int>(fd), path_.data(), path_.size());
}

bool DifferencePacker::PackFile(const Difference& file) {
  long fd = file.Fd();
  if (IsGone(fd)) return writer_->Warn(Notice::kVanished, file.path, file.path_size);
  if (fd < 0) return Fail(fd, "openat2", file);
  Packed packed =
      entries_->Pack({static_cast<int>(fd), file.name, file.path, file.path_size}, file.type);
  // A directory by now.
  if (packed == Packed::kDirectory) {
    return writer_->Warn(Notice::kChanged, file.path, file.path_size);
  }
  return packed == Packed::kDone;
}

// What it took the place of is gone all the same.
bool DifferencePacker::PackSocket(const Difference& socket) {
  size_t directory = static_cast<size_t>(socket.name - socket.path);
  if (socket.kind == ChangeKind::kModified &&
      !writer_->Whiteout(socket.path, directory, socket.name)) {
    return false;
  }
  return writer_->Warn(Notice::kSocket, socket.path, socket.path_size);
}

bool DifferencePacker::Pack(const Difference& what) {
  bool failed;
  if (IsLeftOut(what, &failed)) return !failed;
  if (what.kind == ChangeKind::kDeleted) {
    return writer_->Whiteout(what.path, static_cast<size_t>(what.name - what.path), what.name);
  }
  if (what.type == DT_SOCK) return PackSocket(what);
  return what.type == DT_DIR ? PackDirectory(what) : PackFile(what);
}

long DifferencePacker::Visit(const Difference& what) {
  if (Pack(what)) return 0;
  if (what.kind != ChangeKind::kDeleted) NameLayer(what.view->layer(what.layer).path);
  return kNoted;
}

long DifferencePacker::Meet(const Difference& file, const Statx* now, const Statx*) {
  Statx stat;
  if (now == nullptr) {
    if (StatOf(file, &stat) != 0) return 0;
    now = &stat;
  }
  return links_.IsWhole(*now) ? 1 : 0;
}

bool DifferencePacker::Compare(Depth depth, Visitor* visitor, bool* skipped) {
  // Sockets of the new view are seen, to tell of them; a tar made none of those of the old one.
  View now(false, true);
  View before(false);
  Comparison comparison(&now, &before, Judge::kExact, depth, visitor, cancelled_);
  bool done = comparison.Run(BytesOf(now_), BytesOf(before_), form_);
  if (skipped != nullptr) *skipped = comparison.skipped();
  if (done || writer_->result().error != 0) return done;
  const TreeResult& result = comparison.result();
  const char* path = result.path.data();
  size_t size = result.path.size();
  if (size > 0 && *path == '/') {
    path++;
    size--;
  }
  return writer_->Fail(result.error, result.call, path, size);
}

// How closely the writing comparison must look, and what of the same files it must write.
bool DifferencePacker::Scan(Depth* depth) {
  bool skipped;
  *depth = Depth::kLooked;
  if (!Compare(*depth, &links_, &skipped)) return false;
  if (skipped && links_.IsIncomplete()) {
    *depth = Depth::kEverything;
    links_.Clear();
    if (!Compare(*depth, &links_, nullptr)) return false;
  }
  if (!links_.any()) *depth = Depth::kDifferences;
  return true;
}

bool DifferencePacker::Run(TarWriter* writer, const std::atomic<uint32_t>* cancelled) {
  EntryPacker entries(writer, form_);
  writer_ = writer;
  cancelled_ = cancelled;
  entries_ = &entries;
  Depth depth;
  return Scan(&depth) && Compare(depth, this, nullptr) && writer_->Finish();
}

NewHandle PackDifference(Bytes now, Bytes before, uint32_t form, uint32_t flags) {
  NewHandle failed;
  failed.error = -EINVAL;
  bool ended = now.size > 0 && now.data[now.size - 1] == 0 &&
               (before.size == 0 || before.data[before.size - 1] == 0);
  if (form >= kForms || (flags & ~kWholeSeconds) != 0 || !ended) return failed;
  failed.error = -ENOMEM;
  void* memory = malloc(sizeof(DifferencePacker));
  if (memory == nullptr) return failed;
  DifferencePacker* packer = new (memory) DifferencePacker(static_cast<Form>(form));
  bool ready = packer->SetPaths(now, before);
  NewHandle made = PackJob::Create(packer, (flags & kWholeSeconds) != 0);
  if (!ready) made.error = -ENOMEM;
  return made;
}

}  // namespace graphdriver
