// A layer's own directory as a tar, in the form in which the union left it.
#pragma once

#include "entrypacker.h"
#include "layerform.h"
#include "listing.h"
#include "packjob.h"
#include "walk.h"

namespace graphdriver {

class TreePacker final : public TarProducer {
 public:
  // `parent`: a directory whose attributes the root has unless it gets an entry; negative: root's
  // own, 0755.
  TreePacker(int root, int parent, Form form) : root_(root), parent_(parent), form_(form) {}
  ~TreePacker() override;
  bool Run(TarWriter* writer, const std::atomic<uint32_t>* cancelled) override;

 private:
  // A directory on the way from the root to where the walk is.
  struct Level {
    Listing listing;
    size_t next = 0;
    // Of the path that leads here, the slash behind it included.
    size_t path_size = 0;
    bool xattr_whiteouts = false;
  };
  // What a name in a layer's directory is.
  enum class Meaning { kEntry, kWhiteout, kHidden, kReserved };

  bool PackRoot();
  bool RootDiffers(bool* differs);
  bool Enter(Descriptor* fd);
  bool PackOpaque(Level* level, int fd);
  bool PackWhiteouts(Level* level);
  bool Step();
  bool PackItem(Level* level, const Listing::Item& item, const char* name);
  // Whether it could be entered; when it is no directory any more, `*changed`.
  bool EnterDirectory(const Place& place, bool* changed);
  bool Leave();
  Meaning MeaningOf(const Level& level, const Listing::Item& item, const char* name);
  bool IsOverlayWhiteout(const Level& level, const Listing::Item& item, const char* name);
  bool SetName(size_t path_size, const char* name);
  Level* top() { return levels_.Top(); }

  int root_;
  int parent_;
  Form form_;
  TarWriter* writer_ = nullptr;
  EntryPacker* entries_ = nullptr;
  Trail trail_;
  Stack<Level*> levels_;
  Buffer path_;
};

}  // namespace graphdriver
