// Makes what the entries of an archive say below a directory.
#pragma once

#include "layerform.h"
#include "tarreader.h"
#include "unpackattributes.h"
#include "unpacklowers.h"
#include "unpackname.h"
#include "unpacknotes.h"
#include "unpackroot.h"
#include "unpackset.h"
#include "unpacktimes.h"

namespace graphdriver {

// A regular file that was made, to be filled.
struct UnpackFile {
  Descriptor fd;
  UnpackAttributes attributes;
  UnpackXattrs xattrs;
  // With a NUL at its end.
  Buffer path;
  // Frees it.
  static UnpackFile* Create();
  static void Destroy(UnpackFile* file);
  UnpackFailure Write(const char* data, size_t size) const;
  // Gives it its attributes, when all is written.
  UnpackFailure Finish(UnpackNotes* notes) const;
};

class UnpackTree final : private DirectoryMaker {
 public:
  UnpackTree(Form form, UnpackNotes* notes, uint64_t seed)
      : form_(form), notes_(notes), made_(seed) {}
  // Before Open(). False without memory.
  bool SetLowers(const void* paths, size_t size) { return lowers_.Set(paths, size); }
  // Works on the calling thread only from here on. Takes the descriptor.
  UnpackFailure Open(int directory);
  // `*file` is a regular file whose body follows, else null.
  UnpackFailure Make(TarReader* reader, UnpackFile** file);
  // After the last entry, when all files are finished.
  UnpackFailure Finish();
  // In any case, last of all: removes what was kept for links, and closes all directories.
  void Close();
  // Where the last failure was.
  const char* path() const { return path_.data(); }

 private:
  using Entry = const TarEntry&;
  static constexpr int kTries = 8;
  long MakeMissing(const UnpackDirectory& directory, const Buffer& above, const char* name,
                   const Statx* found) override;
  const char* base() const { return name_.base(); }
  // The directory of `name_` is `parent_` afterwards.
  UnpackFailure FindParent(bool make);
  // Makes way for another thing of that name.
  UnpackFailure Clear();
  // Calls `make` until it finds the name free: it answers a value or a negative errno.
  template <typename MakeThing>
  UnpackFailure Place(const char* call, MakeThing make);
  UnpackFailure MakeOrdinary(TarReader* reader, UnpackFile** file);
  UnpackFailure MakeFile(TarReader* reader, UnpackFile** file);
  UnpackFailure MakeDirectory(TarReader* reader);
  UnpackFailure FinishDirectory(Entry entry, int fd, bool existed);
  UnpackFailure MakeNode(TarReader* reader);
  UnpackFailure JudgeDevice(Entry entry) const;
  UnpackFailure MakeLink(Entry entry);
  UnpackFailure FindLinkTarget(Entry entry, Descriptor* directory, Statx* stat);
  UnpackFailure SetRoot(TarReader* reader);
  UnpackFailure RemovePseudoLinks();
  UnpackFailure KeepPseudoLink(TarReader* reader, UnpackFile** file);

  // unpackwhiteout.cc
  static bool IsWhiteoutEntry(Entry entry);
  UnpackFailure MakeWhiteout();
  UnpackFailure MakeOpaque();
  UnpackFailure HideBelow(const char* name);
  UnpackFailure RemoveBelow(const char* name);
  UnpackFailure MarkOpaque(int directory, uint64_t ino);
  // As lower layers have it, if they have it.
  UnpackFailure DressMissing(int directory, const Buffer& path);
  UnpackFailure DressAs(int lower, int directory, const Buffer& path);
  UnpackFailure DressAsNew(int directory, const Buffer& path);
  bool IsOpaque(int directory) const { return HidesBelow(directory, form_); }
  bool IsBelowOpaque();
  UnpackFailure SetOpaqueXattr(int directory) const;
  // Removes what this unpacking has not made from a directory and all below it.
  UnpackFailure Purge(int directory, uint64_t ino);
  // Was a whiteout of this name there? It is gone now.
  bool TakeWhiteout(int directory, const char* name) const;
  bool IsWhiteoutDevice(const Statx& stat) const;

  Form form_;
  UnpackNotes* notes_;
  UnpackLowers lowers_;
  UnpackRoot root_;
  UnpackUser user_;
  UnpackName name_;
  UnpackName link_;
  UnpackXattrs xattrs_;
  UnpackDirectory parent_;
  // Something that is no directory, or a whiteout, was in the way.
  bool replaced_ = false;
  // There may be whiteouts of aufs.
  bool whiteouts_ = false;
  bool pseudo_links_ = false;
  bool has_root_time_ = false;
  TarTime root_time_;
  UnpackTimes times_;
  // Of the plain form only.
  UnpackSet made_;
  Buffer path_;
};

template <typename MakeThing>
UnpackFailure UnpackTree::Place(const char* call, MakeThing make) {
  long result = 0;
  for (int turn = 0; turn < kTries; turn++) {
    result = make();
    UnpackFailure failure;
    if (result == -EEXIST) {
      failure = Clear();
    } else if (result == -ENOENT) {
      // The directory itself is gone: a descriptor of what was removed.
      root_.Forget();
      failure = FindParent(true);
    } else {
      break;
    }
    if (failure.failed()) return failure;
  }
  return result < 0 ? UnpackFailure{result, call} : UnpackFailure{};
}

}  // namespace graphdriver
