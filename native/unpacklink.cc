// Hard links, whose targets are named from the root of the layer.
#include <string.h>
#include <sys/stat.h>

#include "unpacktree.h"
#include "walk.h"

namespace graphdriver {

namespace {

bool IsSame(const Statx& one, const Statx& other) {
  return one.ino == other.ino && one.dev_major == other.dev_major &&
         one.dev_minor == other.dev_minor;
}

bool LeadsNowhere(long error) {
  return error == -ENOENT || error == -ENOTDIR || error == -ELOOP || error == -ENAMETOOLONG;
}

}  // namespace

// `*directory` is a descriptor of its own: finding the directory of the new name may close others.
UnpackFailure UnpackTree::FindLinkTarget(Entry entry, Descriptor* directory, Statx* stat) {
  TarFault fault = link_.Set(entry.link);
  if (fault == TarFault::kDotDot || fault == TarFault::kNoMemory) return fault;
  bool pseudo = link_.kind() == NameKind::kPseudoLink;
  if (fault != TarFault::kNone || (link_.kind() != NameKind::kOrdinary && !pseudo))
    return TarFault::kLinkTarget;
  UnpackDirectory found;
  const char* where = pseudo ? kPseudoLinks : link_.path();
  size_t size = pseudo ? strlen(kPseudoLinks) : link_.parent_size();
  long error = pseudo && !pseudo_links_ ? -ENOENT : root_.Find(where, size, nullptr, &found);
  if (LeadsNowhere(error)) return TarFault::kLinkTarget;
  if (error != 0) return {error, "openat2"};
  directory->Reset(Call(SYS_fcntl, found.fd, F_DUPFD_CLOEXEC, 0));
  if (directory->failed()) return {directory->get(), "fcntl"};
  error = StatxOf(found.fd, link_.base(), kSymlinkNofollow, stat);
  if (LeadsNowhere(error)) return TarFault::kLinkTarget;
  if (error != 0) return {error, "statx"};
  bool linkable = (stat->mode & S_IFMT) != S_IFDIR && !IsWhiteoutDevice(*stat);
  return linkable ? UnpackFailure{} : TarFault::kLinkTarget;
}

UnpackFailure UnpackTree::MakeLink(Entry entry) {
  Descriptor from;
  Statx target;
  UnpackFailure failure = FindLinkTarget(entry, &from, &target);
  if (!failure.failed()) failure = FindParent(true);
  if (failure.failed()) return failure;
  if (whiteouts_) TakeWhiteout(parent_.fd, base());
  Statx there;
  bool done = StatxOf(parent_.fd, base(), kSymlinkNofollow, &there) == 0 && IsSame(there, target);
  if (!done) {
    failure = Place("linkat", [&] {
      long made = CallAgain(SYS_linkat, from.get(), static_cast<const void*>(link_.base()),
                            parent_.fd, static_cast<const void*>(base()), 0);
      // Its target went with what had to make way for it.
      bool lost =
          made == -ENOENT && StatxOf(from.get(), link_.base(), kSymlinkNofollow, &there) == -ENOENT;
      return lost ? -ESTALE : made;
    });
  }
  if (failure.error == -ESTALE) return TarFault::kLinkTarget;
  if (failure.failed() || form_ != Form::kPlain) return failure;
  return made_.Add(parent_.ino, base()) ? UnpackFailure{} : TarFault::kNoMemory;
}

}  // namespace graphdriver
