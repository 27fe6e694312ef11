#include "convert.h"

#include <dirent.h>
#include <time.h>

#include "layerwalk.h"
#include "tree.h"

namespace graphdriver {

namespace {

// The conversion changes what directories hold, and so their times. They are written down
// beforehand, where they last as long as the directory: whoever goes on after a death finds them.
const char* TimesXattr(Form overlay) {
  return overlay == Form::kOverlayUser ? "user.graphdriver.times" : "trusted.graphdriver.times";
}

class Conversion final : public LayerWalk {
 public:
  Conversion(Form overlay, bool to_aufs) : overlay_(overlay), to_aufs_(to_aufs) {}
  ConvertCounts Convert(Text path);

 private:
  struct Times {
    int64_t atime[2];
    int64_t mtime[2];
  };

  // Each answers false after it has noted a failure.
  bool Arrive() override;
  bool Visit(const Entry& entry, bool* skip) override;
  bool NeedsWork(bool* needs);
  bool Begin();
  bool End();
  bool ToOverlay(const Entry& entry);
  bool ToAufs(const Entry& entry);
  bool ReplaceFile(const char* name);
  bool HideBelow(const char* name);
  bool ReplaceDevice(const char* name);
  bool MakeMarker(const char* name);
  bool MarkOpaque(int fd);
  bool Drop(const char* name);
  bool Unlink(const char* name);
  bool StripXattrs(const char* name);
  bool IsMarkedOpaque();

  Form overlay_;
  bool to_aufs_;
  Times times_;
  // There were times from an earlier run.
  bool unfinished_ = false;
  XattrNames xattrs_;
  int64_t whiteouts_ = 0;
  int64_t opaques_ = 0;
  int64_t dropped_ = 0;
};

bool Conversion::IsMarkedOpaque() {
  char value[2];
  return CallAgain(SYS_fgetxattr, fd(), static_cast<const void*>(OpaqueXattr(overlay_)),
                   static_cast<void*>(value), sizeof value) == 1 &&
         value[0] == 'y';
}

bool Conversion::NeedsWork(bool* needs) {
  long size = CallAgain(SYS_fgetxattr, fd(), static_cast<const void*>(TimesXattr(overlay_)),
                        static_cast<void*>(&times_), sizeof times_);
  unfinished_ = size == sizeof times_;
  *needs = unfinished_ || (to_aufs_ && !is_root() && IsMarkedOpaque());
  Entry entry;
  while (!*needs && walk_.Next(&entry)) {
    if (!to_aufs_) {
      *needs = IsWhiteoutName(entry.name);
    } else if (!IsZeroDevice(entry, needs)) {
      return false;
    }
  }
  walk_.Rewind();
  return true;
}

bool Conversion::Begin() {
  if (unfinished_) return true;
  Statx stat;
  if (long error = StatxOf(fd(), "", kEmptyPath, &stat)) return Fail(error, "statx");
  times_ = {{stat.atime.seconds, stat.atime.nanoseconds},
            {stat.mtime.seconds, stat.mtime.nanoseconds}};
  long error = CallAgain(SYS_fsetxattr, fd(), static_cast<const void*>(TimesXattr(overlay_)),
                         static_cast<const void*>(&times_), sizeof times_, 0);
  return error == 0 || Fail(error, "setxattr");
}

bool Conversion::End() {
  const timespec times[2] = {{times_.atime[0], static_cast<long>(times_.atime[1])},
                             {times_.mtime[0], static_cast<long>(times_.mtime[1])}};
  long error = CallAgain(SYS_utimensat, fd(), nullptr, static_cast<const void*>(times), 0);
  if (error != 0) return Fail(error, "utimensat");
  error = CallAgain(SYS_fremovexattr, fd(), static_cast<const void*>(TimesXattr(overlay_)));
  return error == 0 || Fail(error, "removexattr");
}

bool Conversion::Unlink(const char* name) {
  long error = CallAgain(SYS_unlinkat, fd(), static_cast<const void*>(name), 0);
  return error == 0 || Fail(error, "unlinkat");
}

// An empty file; it may be there already.
bool Conversion::MakeMarker(const char* name) {
  Descriptor file(CallAgain(SYS_openat, fd(), static_cast<const void*>(name),
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444));
  return !file.failed() || file.get() == -EEXIST || Fail(file.get(), "openat");
}

bool Conversion::MarkOpaque(int fd) {
  long error = CallAgain(SYS_fsetxattr, fd, static_cast<const void*>(OpaqueXattr(overlay_)),
                         static_cast<const void*>("y"), 1, 0);
  return error == 0 || Fail(error, "setxattr");
}

// A name of aufs's own, and all below it.
bool Conversion::Drop(const char* name) {
  TreeResult removed = RemoveTree(fd(), {name, strlen(name)});
  dropped_++;
  if (removed.error == 0) return true;
  bool file = removed.error == -ENOTDIR || removed.error == -ELOOP;
  return file ? Unlink(name) : Fail(removed.error, removed.call);
}

// So that nothing of that name shows from below: a device, unless the layer has an entry of its
// own, which then hides what is below it by itself, or as an opaque directory.
bool Conversion::HideBelow(const char* name) {
  long error = CallAgain(SYS_mknodat, fd(), static_cast<const void*>(name), 0020000, 0);
  if (error == 0) return true;
  if (error != -EEXIST) return Fail(error, "mknodat");
  Statx stat;
  error = StatxOf(fd(), name, kSymlinkNofollow, &stat);
  if (error != 0) return Fail(error, "statx");
  if (stat.mode >> 12 != DT_DIR) return true;
  Descriptor directory(OpenBelow(fd(), name, O_RDONLY | O_DIRECTORY));
  if (directory.failed()) return Fail(directory.get(), "openat2");
  return MarkOpaque(directory.get());
}

bool Conversion::ReplaceFile(const char* name) {
  if (strcmp(name, kOpaqueMarker) != 0) {
    whiteouts_++;
    return HideBelow(name + kWhiteoutPrefixSize) && Unlink(name);
  }
  // Unions join the roots of their layers whatever those say.
  if (is_root()) return Drop(name);
  opaques_++;
  return MarkOpaque(fd()) && Unlink(name);
}

bool Conversion::ToOverlay(const Entry& entry) {
  if (!IsWhiteoutName(entry.name)) return true;
  bool means = !IsMetaName(entry.name) || strcmp(entry.name, kOpaqueMarker) == 0;
  return means ? ReplaceFile(entry.name) : Drop(entry.name);
}

bool Conversion::ReplaceDevice(const char* name) {
  char whiteout[kWhiteoutPrefixSize + 256] = ".wh.";
  size_t size = strlen(name);
  if (size > 255) return Fail(-ENAMETOOLONG, "openat");
  memcpy(whiteout + kWhiteoutPrefixSize, name, size + 1);
  whiteouts_++;
  return MakeMarker(whiteout) && Unlink(name);
}

bool Conversion::ToAufs(const Entry& entry) {
  bool device;
  if (!IsZeroDevice(entry, &device)) return false;
  return !device || ReplaceDevice(entry.name);
}

bool Conversion::StripXattrs(const char* name) {
  long error = xattrs_.Read(fd(), name);
  if (error != 0) return error == -ENOENT || Fail(error, "listxattr");
  const char* xattr;
  while (xattrs_.Next(&xattr)) {
    if (!StartsWith(xattr, OverlayPrefix(overlay_))) continue;
    if (name == nullptr) {
      error = CallAgain(SYS_fremovexattr, fd(), static_cast<const void*>(xattr));
    } else {
      error = CallAgain(SYS_lremovexattr, static_cast<const void*>(FdPath(fd(), name).data()),
                        static_cast<const void*>(xattr));
    }
    if (error != 0 && error != -ENODATA) return Fail(error, "removexattr");
  }
  return true;
}

bool Conversion::Arrive() {
  bool needs;
  if (!NeedsWork(&needs)) return false;
  if (needs && !Begin()) return false;
  if (to_aufs_) {
    if (!is_root() && IsMarkedOpaque()) {
      opaques_++;
      if (!MakeMarker(kOpaqueMarker)) return false;
    }
    if (!StripXattrs(nullptr)) return false;
  }
  Entry entry;
  while (needs && walk_.Next(&entry)) {
    if (!(to_aufs_ ? ToAufs(entry) : ToOverlay(entry))) return false;
  }
  walk_.Rewind();
  return !needs || End();
}

// What is in a directory is converted by now, but for the attributes.
bool Conversion::Visit(const Entry& entry, bool* skip) {
  *skip = IsWhiteoutName(entry.name);
  if (*skip || !to_aufs_) return true;
  unsigned char type;
  if (!TypeOf(entry, &type)) return false;
  return type == DT_DIR || StripXattrs(entry.name);
}

ConvertCounts Conversion::Convert(Text path) {
  ConvertCounts counts;
  Run(path);
  counts.end = static_cast<TreeResult&&>(result_);
  counts.row.count = 3;
  counts.row.values[0] = whiteouts_;
  counts.row.values[1] = opaques_;
  counts.row.values[2] = dropped_;
  return counts;
}

}  // namespace

ConvertCounts ConvertLayer(Text path, uint32_t overlay, bool to_aufs) {
  if (overlay < kForms && IsOverlay(static_cast<Form>(overlay))) {
    return Conversion(static_cast<Form>(overlay), to_aufs).Convert(path);
  }
  ConvertCounts refused;
  refused.end.error = -EINVAL;
  return refused;
}

napi_value Encode(napi_env env, const ConvertCounts& result) {
  return result.end.error != 0 ? Encode(env, result.end) : Encode(env, result.row);
}

}  // namespace graphdriver
