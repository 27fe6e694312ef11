// How a layer's own directory says that something of the layers below is gone, and what in it is
// bookkeeping of the union that must never leave it.
#pragma once

#include <stdint.h>
#include <string.h>

namespace graphdriver {

// The numbers are part of the interface to floor 1.
enum class Form : uint32_t {
  // A full copy (vfs), or any tree: nothing has a special meaning.
  kPlain = 0,
  // `.wh.NAME` files, `.wh..wh..opq`; other `.wh..wh.*` names are aufs's own (aufs(5)).
  kAufs = 1,
  // Devices 0:0 and trusted.overlay.* (Documentation/filesystems/overlayfs.rst).
  kOverlay = 2,
  // The same with user.overlay.*, as in a user namespace.
  kOverlayUser = 3,
};
constexpr uint32_t kForms = 4;

constexpr char kWhiteoutPrefix[] = ".wh.";
constexpr size_t kWhiteoutPrefixSize = sizeof kWhiteoutPrefix - 1;
constexpr char kMetaPrefix[] = ".wh..wh.";
constexpr char kOpaqueMarker[] = ".wh..wh..opq";

inline bool StartsWith(const char* text, const char* prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}
inline bool IsWhiteoutName(const char* name) {
  return StartsWith(name, kWhiteoutPrefix);
}
inline bool IsMetaName(const char* name) {
  return StartsWith(name, kMetaPrefix);
}
inline bool IsOverlay(Form form) {
  return form == Form::kOverlay || form == Form::kOverlayUser;
}

// What overlay's own attributes begin with; in another form, what no attribute begins with.
inline const char* OverlayPrefix(Form form) {
  return form == Form::kOverlayUser ? "user.overlay."
         : form == Form::kOverlay   ? "trusted.overlay."
                                    : "=";
}

// "y": hides what lower layers have; "x": may hold whiteouts that are files with an xattr (Linux
// 6.7).
inline const char* OpaqueXattr(Form form) {
  return form == Form::kOverlayUser ? "user.overlay.opaque" : "trusted.overlay.opaque";
}
inline const char* WhiteoutXattr(Form form) {
  return form == Form::kOverlayUser ? "user.overlay.whiteout" : "trusted.overlay.whiteout";
}

// Left out of every layer that goes out, and never taken from one that comes in: what the unions
// write down for themselves; labels, which the machine's policy gives anew; and the second name
// that xfs lists ACLs under (fs/xfs/xfs_xattr.c), of its own form: they are there as
// system.posix_acl_*.
inline bool IsBookkeepingXattr(const char* name) {
  return StartsWith(name, "trusted.overlay.") || StartsWith(name, "user.overlay.") ||
         StartsWith(name, "trusted.aufs.") || StartsWith(name, "trusted.SGI_ACL_") ||
         strcmp(name, "security.selinux") == 0;
}

// What says that the contents are in a layer below (metacopy=on), or that the directory is another
// one there (redirect_dir=on): the layer by itself is not whole.
inline bool IsIndirectXattr(const char* name) {
  const char* rest = StartsWith(name, "trusted.overlay.") ? name + 16
                     : StartsWith(name, "user.overlay.")  ? name + 13
                                                          : "";
  return strcmp(rest, "metacopy") == 0 || strcmp(rest, "redirect") == 0;
}

}  // namespace graphdriver
