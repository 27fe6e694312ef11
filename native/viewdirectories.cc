#include "viewdirectories.h"

namespace graphdriver {

namespace {

constexpr uint64_t kOpenDirectory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
// Less than the 4096 bytes with its NUL which a system call takes, and room for one more name.
constexpr size_t kPiece = 3800;

// Name by name, for kernels without openat2(2).
long OpenStepwise(int directory, char* path, uint64_t flags) {
  Descriptor below;
  for (char* name = path; name != nullptr;) {
    char* slash = static_cast<char*>(memchr(name, '/', strlen(name)));
    if (slash != nullptr) *slash = 0;
    below.Reset(OpenBelow(below.failed() ? directory : below.get(), name,
                          slash == nullptr ? flags : kOpenDirectory));
    if (slash != nullptr) *slash = '/';
    if (below.failed()) return below.get();
    name = slash == nullptr ? nullptr : slash + 1;
  }
  return below.Take();
}

long OpenPiece(int directory, char* path, uint64_t flags) {
  if (memchr(path, '/', strlen(path)) == nullptr) return OpenBelow(directory, path, flags);
  OpenHow how{flags, 0, kResolveNoXdev | kResolveNoSymlinks | kResolveBeneath};
  long fd = CallAgain(SYS_openat2, directory, static_cast<const void*>(path),
                      static_cast<const void*>(&how), sizeof how);
  // EPERM may be O_NOATIME's or a seccomp filter's, and EAGAIN a rename's somewhere on the machine.
  bool unsure = fd == -ENOSYS || fd == -EPERM || fd == -EAGAIN;
  return unsure ? OpenStepwise(directory, path, flags) : fd;
}

}  // namespace

bool TrailPath::Push(const char* name) {
  size_t size = ends_.size() == 0 ? 0 : End(level());
  names_.SetSize(size);
  if ((size > 0 && !names_.Append('/')) || !names_.Append(name, strlen(name) + 1)) return false;
  return ends_.Push(names_.size() - 1);
}

void TrailPath::Pop() {
  ends_.Pop();
  if (names_.size() > 0) names_.data()[End(level())] = 0;
}

LayerDirectories::Slot* LayerDirectories::Nearest(uint32_t layer, size_t level) {
  Slot* best = nullptr;
  for (size_t i = 0; i < count_; i++) {
    Slot* slot = &slots_[i];
    if (slot->layer != layer || slot->level > level) continue;
    if (best == nullptr || slot->level > best->level) best = slot;
  }
  if (best != nullptr) best->used = ++clock_;
  return best;
}

void LayerDirectories::Keep(uint32_t layer, size_t level, int fd) {
  Slot* place = &slots_[count_];
  if (count_ == kMost) {
    place = &slots_[0];
    for (Slot& slot : slots_) {
      if (slot.used < place->used) place = &slot;
    }
    CloseQuietly(place->fd);
  } else {
    count_++;
  }
  *place = {++clock_, level, layer, fd};
}

void LayerDirectories::Leave(size_t level) {
  for (size_t i = 0; i < count_;) {
    if (slots_[i].level < level) {
      i++;
      continue;
    }
    CloseQuietly(slots_[i].fd);
    slots_[i] = slots_[--count_];
  }
}

template <typename Opener>
long LayerDirectories::WithoutAtime(Opener open) {
  long fd = open(kOpenDirectory | no_atime_);
  if (fd != -EPERM || no_atime_ == 0) return fd;
  fd = open(kOpenDirectory);
  if (fd >= 0) no_atime_ = 0;
  return fd;
}

long LayerDirectories::OpenRoot(const LayerRoot& layer) {
  Descriptor root(WithoutAtime([&layer](uint64_t flags) {
    return CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(layer.path), flags);
  }));
  if (root.failed()) return root.get() == -ENOENT ? -ESTALE : root.get();
  Statx stat;
  if (long error = StatxOf(root.get(), "", kEmptyPath, &stat)) return error;
  LayerRoot found{nullptr, stat.ino, stat.dev_major, stat.dev_minor};
  return SameDirectory(found, layer) ? root.Take() : -ESTALE;
}

long LayerDirectories::OpenBelowLevel(int directory, size_t from, size_t to) {
  const char* rest = path_->data() + path_->Begin(from);
  const char* end = path_->data() + path_->End(to);
  Descriptor below;
  while (rest < end) {
    char piece[kPiece + 256];
    size_t size = static_cast<size_t>(end - rest);
    if (size > kPiece) {
      size = kPiece;
      while (rest[size] != '/') size--;
    }
    memcpy(piece, rest, size);
    piece[size] = 0;
    int base = below.failed() ? directory : below.get();
    below.Reset(WithoutAtime([&](uint64_t flags) { return OpenPiece(base, piece, flags); }));
    if (below.failed()) return below.get();
    rest += size + 1;
  }
  return below.Take();
}

long LayerDirectories::Open(uint32_t layer, size_t level) {
  Slot* nearest = Nearest(layer, level);
  if (nearest != nullptr && nearest->level == level) return nearest->fd;
  size_t from = 0;
  long base;
  if (nearest != nullptr) {
    from = nearest->level;
    base = nearest->fd;
  } else {
    base = OpenRoot(layers_->At(layer));
    if (base < 0) return base;
    Keep(layer, 0, static_cast<int>(base));
    if (level == 0) return base;
  }
  long fd = OpenBelowLevel(static_cast<int>(base), from, level);
  if (fd >= 0) Keep(layer, level, static_cast<int>(fd));
  return fd;
}

}  // namespace graphdriver
