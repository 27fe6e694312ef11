#include "unpacktimes.h"

#include <string.h>

#include "unpackattributes.h"
#include "walk.h"

namespace graphdriver {

bool UnpackTimes::Add(const char* path, size_t size, uint64_t ino, TarTime mtime) {
  size_t shared = 0;
  while (shared < size && shared < last_.size() && path[shared] == last_.data()[shared]) shared++;
  Record record{ino, mtime, static_cast<uint16_t>(shared), static_cast<uint16_t>(size - shared)};
  last_.SetSize(shared);
  return records_.Append(&record, sizeof record) && records_.Append(path + shared, size - shared) &&
         last_.Append(path + shared, size - shared);
}

UnpackFailure UnpackTimes::ApplyOne(UnpackRoot* root, const Record& record,
                                    const Buffer& path) const {
  size_t base = path.size() - 1;
  while (base > 0 && path.data()[base - 1] != '/') base--;
  UnpackDirectory above;
  long error = root->Find(path.data(), base == 0 ? 0 : base - 1, nullptr, &above);
  if (error != 0) return {error, "openat2"};
  Descriptor itself(CallAgain(SYS_openat, above.fd, static_cast<const void*>(path.data() + base),
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (itself.failed()) return {itself.get(), "openat"};
  Statx stat;
  error = StatxOf(itself.get(), "", kEmptyPath, &stat);
  if (error != 0) return {error, "statx"};
  // Another one of that name.
  if (stat.ino != record.ino) return {};
  return SetTime({itself.get(), -1, nullptr}, record.mtime);
}

UnpackFailure UnpackTimes::Apply(UnpackRoot* root, Buffer* path) const {
  path->SetSize(0);
  for (size_t at = 0; at < records_.size();) {
    Record record;
    memcpy(&record, records_.data() + at, sizeof record);
    at += sizeof record;
    path->SetSize(record.shared);
    if (!path->Append(records_.data() + at, record.size) || !path->Append('\0'))
      return {-ENOMEM, "malloc"};
    at += record.size;
    UnpackFailure failure = ApplyOne(root, record, *path);
    // A later entry took its place.
    bool gone = failure.error == -ENOENT || failure.error == -ENOTDIR || failure.error == -ELOOP;
    if (failure.failed() && !gone) return failure;
  }
  return {};
}

}  // namespace graphdriver
