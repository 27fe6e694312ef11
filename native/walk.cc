#include "walk.h"

#include <dirent.h>

#include <atomic>

#include "directory.h"

namespace graphdriver {

namespace {

char* AppendDecimal(char* end, int value) {
  char digits[12];
  int count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value > 0);
  while (count > 0) *end++ = digits[--count];
  return end;
}

// The mount that a descriptor is on, for kernels before 5.8, whose statx(2) does not say.
// Linux 3.15.
long MountIdOf(int fd) {
  char name[48] = "/proc/self/fdinfo/";
  *AppendDecimal(name + strlen(name), fd) = 0;
  Descriptor file(
      CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(name), O_RDONLY | O_CLOEXEC));
  if (file.failed()) return file.get();
  char text[512];
  long size = CallAgain(SYS_read, file.get(), static_cast<void*>(text), sizeof text - 1);
  if (size < 0) return size;
  text[size] = 0;
  const char kKey[] = "mnt_id:";
  constexpr size_t kKeySize = sizeof kKey - 1;
  for (const char* at = text; *at != 0; at++) {
    if ((at != text && at[-1] != '\n') || memcmp(at, kKey, kKeySize) != 0) continue;
    at += kKeySize;
    while (*at == '\t' || *at == ' ') at++;
    long id = 0;
    while (*at >= '0' && *at <= '9') id = id * 10 + (*at++ - '0');
    return id;
  }
  return -ENOSYS;
}

// Asked once: kernels before 5.6 answer ENOSYS, and seccomp filters that do not know the call
// EPERM, which a single failure could not be told from.
bool HasOpenat2() {
  enum : int { kUnknown, kPresent, kAbsent };
  static std::atomic<int> state{kUnknown};
  int known = state.load(std::memory_order_relaxed);
  if (known == kUnknown) {
    OpenHow how{O_PATH | O_CLOEXEC, 0, 0};
    long fd = CallAgain(SYS_openat2, AT_FDCWD, static_cast<const void*>("/"),
                        static_cast<const void*>(&how), sizeof how);
    known = fd == -ENOSYS || fd == -EPERM ? kAbsent : kPresent;
    if (fd >= 0) CloseQuietly(static_cast<int>(fd));
    state.store(known, std::memory_order_relaxed);
  }
  return known == kPresent;
}

// A single name needs no RESOLVE_BENEATH, and O_NOFOLLOW refuses a link.
long OpenWithoutOpenat2(int directory, const char* name, uint64_t flags) {
  Descriptor fd(CallAgain(SYS_openat, directory, static_cast<const void*>(name),
                          flags | O_NOFOLLOW | O_CLOEXEC));
  if (fd.failed()) return fd.get();
  long above = MountIdOf(directory);
  if (above < 0) return above;
  long here = MountIdOf(fd.get());
  if (here < 0) return here;
  return here == above ? fd.Take() : -EXDEV;
}

}  // namespace

long StatxOf(int directory, const char* name, int flags, Statx* stat) {
  return CallAgain(SYS_statx, directory, static_cast<const void*>(name), flags | kNoAutomount,
                   kStatxBasic, static_cast<void*>(stat));
}

FdPath::FdPath(int fd, const char* name) {
  memcpy(data_, "/proc/self/fd/", 14);
  char* end = AppendDecimal(data_ + 14, fd);
  *end = 0;
  if (name == nullptr) return;
  *end++ = '/';
  size_t size = strlen(name);
  size_t room = static_cast<size_t>(data_ + sizeof data_ - end) - 1;
  // Names have at most 255 bytes.
  if (size > room) size = room;
  memcpy(end, name, size);
  end[size] = 0;
}

long OpenBelow(int directory, const char* name, uint64_t flags) {
  if (!HasOpenat2()) return OpenWithoutOpenat2(directory, name, flags);
  OpenHow how{flags | O_CLOEXEC, 0, kResolveNoXdev | kResolveNoSymlinks | kResolveBeneath};
  long fd;
  int tries = 0;
  do {
    fd = CallAgain(SYS_openat2, directory, static_cast<const void*>(name),
                   static_cast<const void*>(&how), sizeof how);
  } while (fd == -EAGAIN && ++tries < 64);
  return fd;
}

Trail::~Trail() {
  for (size_t i = 0; i < places_.size(); i++) CloseQuietly(places_.At(i).fd);
}

long Trail::Identify(Place* place) {
  Statx stat;
  long error = StatxOf(place->fd, "", kEmptyPath, &stat);
  if (error != 0) return error;
  place->major = stat.dev_major;
  place->minor = stat.dev_minor;
  place->ino = stat.ino;
  return 0;
}

long Trail::Push(int fd) {
  if (!places_.Push({fd, 0, 0, 0})) {
    CloseQuietly(fd);
    return -ENOMEM;
  }
  if (places_.size() <= kOpen) return 0;
  Place* far = &places_.At(places_.size() - 1 - kOpen);
  if (far->fd < 0) return 0;
  if (long error = Identify(far)) return error;
  CloseQuietly(far->fd);
  far->fd = -1;
  return 0;
}

long Trail::Pop(Descriptor* left) {
  left->Reset(fd());
  places_.Pop();
  if (places_.size() == 0 || places_.Top().fd >= 0) return 0;
  long fd = CallAgain(SYS_openat, left->get(), static_cast<const void*>(".."),
                      O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return fd;
  Place found{static_cast<int>(fd), 0, 0, 0};
  long error = Identify(&found);
  const Place& wanted = places_.Top();
  if (error == 0 &&
      (found.ino != wanted.ino || found.major != wanted.major || found.minor != wanted.minor)) {
    // Somebody moved the directory that the walk is in.
    error = -ESTALE;
  }
  if (error != 0) {
    CloseQuietly(found.fd);
    return error;
  }
  places_.Top().fd = found.fd;
  return 0;
}

long Walk::ReadEntries(int fd) {
  return ReadDirectory(fd, [this](const DirectoryRecord& record) {
    bool added = names_.Append(static_cast<char>(record.type)) &&
                 names_.Append(record.name, strlen(record.name) + 1);
    return added ? 0l : -ENOMEM;
  });
}

long Walk::Enter(int fd) {
  if (long error = trail_.Push(fd)) return error;
  size_t begin = names_.size();
  if (!levels_.Push({begin, begin, kNowhere})) return -ENOMEM;
  return ReadEntries(fd);
}

bool Walk::Next(Entry* entry) {
  Level* level = &levels_.Top();
  if (level->next >= names_.size()) {
    level->current = kNowhere;
    return false;
  }
  const char* record = names_.data() + level->next;
  entry->type = static_cast<unsigned char>(record[0]);
  entry->name = record + 1;
  level->current = level->next + 1;
  level->next += strlen(entry->name) + 2;
  return true;
}

long Walk::Leave() {
  names_.SetSize(levels_.Top().begin);
  levels_.Pop();
  Descriptor left;
  return trail_.Pop(&left);
}

bool Walk::AppendPath(Buffer* path) {
  return AppendNames(path, levels_.size());
}

bool Walk::AppendNames(Buffer* path, size_t levels) {
  for (size_t i = 0; i < levels; i++) {
    size_t current = levels_.At(i).current;
    if (current == kNowhere) continue;
    const char* name = names_.data() + current;
    if (path->size() > 0 && !path->Append('/')) return false;
    if (!path->Append(name, strlen(name))) return false;
  }
  return true;
}

}  // namespace graphdriver
