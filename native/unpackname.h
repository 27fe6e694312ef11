// Names of an archive as ways below the root of a layer.
#pragma once

#include "buffer.h"
#include "tarnumber.h"
#include "tarpolicy.h"

namespace graphdriver {

enum class NameKind {
  // The layer's own directory.
  kRoot,
  kOrdinary,
  // `.wh.NAME`: hides NAME of the layers below.
  kWhiteout,
  // `.wh..wh..opq`: hides all that they have in its directory.
  kOpaque,
  // What aufs keeps in a branch for itself.
  kDropped,
  // A file of `.wh..wh.plnk`: the body of hard links whose names are elsewhere (aufs(5),
  // "Pseudo-link").
  kPseudoLink,
};

// A name without leading, trailing and double slashes and without parts ".".
class UnpackName {
 public:
  TarFault Set(TarText name);
  NameKind kind() const { return kind_; }
  // With NULs at their ends.
  const char* path() const { return path_.data(); }
  size_t size() const { return path_.size() - 1; }
  // The last part, and how long what is before it is, its slash left out.
  const char* base() const { return path_.data() + base_; }
  size_t parent_size() const { return base_ == 0 ? 0 : base_ - 1; }

 private:
  TarFault Clean(TarText name);
  TarFault Classify();
  TarFault ClassifyPart(const char* part, size_t size, bool last);
  Buffer path_;
  size_t base_ = 0;
  NameKind kind_ = NameKind::kRoot;
};

constexpr char kPseudoLinks[] = ".wh..wh.plnk";

}  // namespace graphdriver
