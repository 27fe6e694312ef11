#include "unpackname.h"

#include <string.h>

#include "layerform.h"

namespace graphdriver {

namespace {

constexpr size_t kMetaPrefixSize = sizeof kMetaPrefix - 1;

template <size_t kSize>
bool Is(const char* part, size_t size, const char (&word)[kSize]) {
  return size == kSize - 1 && memcmp(part, word, kSize - 1) == 0;
}

bool Begins(const char* part, size_t size, const char* prefix, size_t prefix_size) {
  return size >= prefix_size && memcmp(part, prefix, prefix_size) == 0;
}

// "", "." and "..": what is left of `.wh.`, `.wh..` and `.wh...`.
bool IsNothing(const char* name, size_t size) {
  return size == 0 || (name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.')));
}

}  // namespace

TarFault UnpackName::Set(TarText name) {
  TarFault fault = Clean(name);
  return fault == TarFault::kNone ? Classify() : fault;
}

TarFault UnpackName::Clean(TarText name) {
  path_.SetSize(0);
  base_ = 0;
  size_t begin = 0;
  for (size_t at = 0; at <= name.size; at++) {
    if (at < name.size && name.data[at] != '/') continue;
    const char* part = name.data + begin;
    size_t size = at - begin;
    begin = at + 1;
    if (size == 0 || (size == 1 && part[0] == '.')) continue;
    if (size == 2 && part[0] == '.' && part[1] == '.') return TarFault::kDotDot;
    if (path_.size() > 0 && !path_.Append('/')) return TarFault::kNoMemory;
    base_ = path_.size();
    if (!path_.Append(part, size)) return TarFault::kNoMemory;
  }
  return path_.Append('\0') ? TarFault::kNone : TarFault::kNoMemory;
}

TarFault UnpackName::ClassifyPart(const char* part, size_t size, bool last) {
  if (!Begins(part, size, kWhiteoutPrefix, kWhiteoutPrefixSize)) return TarFault::kNone;
  // Whatever is below the one is nobody's, and below the other are files only.
  if (Is(part, size, ".wh..wh.orph") || (last && Is(part, size, ".wh..wh.aufs"))) {
    kind_ = NameKind::kDropped;
  } else if (Is(part, size, kPseudoLinks)) {
    kind_ = last ? NameKind::kDropped : NameKind::kPseudoLink;
    if (!last && IsWhiteoutName(base())) return TarFault::kWhiteoutPath;
  } else if (!last) {
    return TarFault::kWhiteoutPath;
  } else if (Is(part, size, kOpaqueMarker)) {
    kind_ = NameKind::kOpaque;
  } else if (Begins(part, size, kMetaPrefix, kMetaPrefixSize) ||
             IsNothing(part + kWhiteoutPrefixSize, size - kWhiteoutPrefixSize)) {
    return TarFault::kWhiteoutName;
  } else {
    kind_ = NameKind::kWhiteout;
  }
  return TarFault::kNone;
}

TarFault UnpackName::Classify() {
  kind_ = size() == 0 ? NameKind::kRoot : NameKind::kOrdinary;
  size_t begin = 0;
  for (size_t at = 0; at <= size() && kind_ == NameKind::kOrdinary; at++) {
    if (at < size() && path()[at] != '/') continue;
    TarFault fault = ClassifyPart(path() + begin, at - begin, at == size());
    if (fault != TarFault::kNone) return fault;
    begin = at + 1;
  }
  return TarFault::kNone;
}

}  // namespace graphdriver
