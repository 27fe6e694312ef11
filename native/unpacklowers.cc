#include "unpacklowers.h"

#include <string.h>
#include <sys/stat.h>

#include "system.h"
#include "walk.h"

namespace graphdriver {

namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

size_t CountParts(const char* path) {
  size_t count = 1;
  for (; *path != 0; path++) count += *path == '/' ? 1 : 0;
  return count;
}

// Whether a layer says that a name is gone, in the form of aufs: by another one.
bool HasWhiteoutFile(int directory, const char* name, Form form) {
  char whiteout[kWhiteoutPrefixSize + 256] = ".wh.";
  size_t size = strlen(name);
  if (form != Form::kAufs || size > 255 - kWhiteoutPrefixSize) return false;
  memcpy(whiteout + kWhiteoutPrefixSize, name, size + 1);
  Statx stat;
  return StatxOf(directory, whiteout, kSymlinkNofollow, &stat) == 0;
}

}  // namespace

bool HidesBelow(int directory, Form form) {
  if (form == Form::kAufs) {
    Statx stat;
    return StatxOf(directory, kOpaqueMarker, kSymlinkNofollow, &stat) == 0;
  }
  char value[2];
  return CallAgain(SYS_getxattr, static_cast<const void*>(FdPath(directory).data()),
                   static_cast<const void*>(OpaqueXattr(form)), static_cast<void*>(value),
                   sizeof value) == 1 &&
         value[0] == 'y';
}

bool UnpackLowers::Set(const void* paths, size_t size) {
  paths_.SetSize(0);
  return paths_.Append(paths, size);
}

// One layer, and so many parts of the path. What it hides of the ones below makes `*visible`
// smaller: so many parts of the path may still be found there.
long UnpackLowers::Look(int root, const char* path, size_t parts, Form form, size_t* visible) {
  Descriptor at(CallAgain(SYS_openat, root, static_cast<const void*>("."), kDirectory));
  if (at.failed()) return at.get();
  for (size_t depth = 0; depth < *visible && depth < parts;) {
    char name[256];
    size_t size = 0;
    while (path[size] != 0 && path[size] != '/') size++;
    if (size > 255) return -ENAMETOOLONG;
    memcpy(name, path, size);
    name[size] = 0;
    path += size + (path[size] == 0 ? 0 : 1);
    Descriptor next(CallAgain(SYS_openat, at.get(), static_cast<const void*>(name), kDirectory));
    // Something else is shown there: a file, a link, or nothing, for a whiteout.
    bool other = next.get() == -ENOTDIR || HasWhiteoutFile(at.get(), name, form);
    if (other) *visible = depth;
    if (other || next.get() == -ENOENT) return -ENOENT;
    if (next.failed()) return next.get();
    at.Reset(next.Take());
    if (++depth == parts && path[0] == 0) return at.Take();
    if (HidesBelow(at.get(), form)) *visible = depth;
  }
  return -ENOENT;
}

long UnpackLowers::Find(int own, const char* path, Form form) const {
  // Unions join the roots of lower layers whatever these say.
  if (none() || HidesBelow(own, form)) return -ENOENT;
  size_t parts = CountParts(path);
  size_t visible = parts;
  // The directory itself is there already.
  long found = Look(own, path, parts - 1, form, &visible);
  const char* end = paths_.data() + paths_.size();
  for (const char* lower = paths_.data(); lower < end && found == -ENOENT && visible == parts;
       lower += strlen(lower) + 1) {
    Descriptor root(CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(lower), kDirectory));
    if (root.failed()) return root.get();
    found = Look(root.get(), path, parts, form, &visible);
  }
  return found;
}

}  // namespace graphdriver
