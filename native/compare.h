// What makes one view differ from another.
#pragma once

#include <atomic>

#include "comparefiles.h"
#include "results.h"
#include "view.h"

namespace graphdriver {

// The numbers are part of the interface to floor 1.
enum class Judge : uint32_t {
  // The new view is one layer on top of the old one: what it holds was added or modified.
  kTouched = 0,
  // Each pair of files is looked at.
  kExact = 1,
};
constexpr uint32_t kJudges = 2;

// The numbers are part of the interface to floor 1.
enum class ChangeKind : int32_t {
  kModified = 0,
  kAdded = 1,
  kDeleted = 2,
  // A directory that is as it was, but something below it is not.
  kKept = 3,
};

struct Difference {
  ChangeKind kind;
  // From the root, without a slash at the ends, a NUL behind. The root's own is empty.
  const char* path;
  size_t path_size;
  // The last of its names.
  const char* name;
  // DT_DIR, …: of the new file; of the old one that was deleted.
  unsigned char type;
  // Of the new view, where it is (not for deletions).
  View* view;
  uint32_t layer;
  // Of the directory itself, or of that which holds the file.
  size_t level;
  // That directory in its layer, borrowed until the view moves on; or a negative errno.
  long Fd() const { return view->Fd(layer, level); }
};

// Who is told. A directory comes before all that is in it; then what was deleted in it, by bytes,
// and then its entries, by bytes and depth first. Directories without differences are not told of,
// except those on the way to one.
class Visitor {
 public:
  // 0, or a negative errno that ends the comparison.
  virtual long Visit(const Difference&) { return 0; }
  // A file that is the same in both views, and told of only where the depth says so: 0, 1 to tell
  // of it as modified all the same, or a negative errno. Without stats it is the same file of the
  // same layer.
  virtual long Meet(const Difference&, const Statx* /*now*/, const Statx* /*before*/) { return 0; }

 protected:
  virtual ~Visitor() = default;
};

// How much of what is the same a visitor wants to meet.
enum class Depth {
  kDifferences,
  // Files that had to be looked at.
  kLooked,
  // Every file: what comes from the same layers is not skipped either.
  kEverything,
};

class Comparison {
 public:
  Comparison(View* now, View* before, Judge judge, Depth depth, Visitor* visitor,
             const std::atomic<uint32_t>* cancelled)
      : now_(now),
        before_(before),
        judge_(judge),
        depth_(depth),
        visitor_(visitor),
        cancelled_(cancelled) {}
  // False after a failure was noted.
  bool Run(Bytes now, Bytes before, Form form);
  TreeResult& result() { return result_; }
  // Whether files that come from the same layer were passed over without a look.
  bool skipped() const { return skipped_; }

 private:
  // A directory on the trail.
  struct Place {
    // The entries to look at next.
    size_t now;
    size_t before;
    ChangeKind kind;
    bool in_before;
  };
  enum class Verdict { kSame, kDiffers, kGone, kFailed };

  bool Start(Bytes now, Bytes before, Form form);
  bool FindTwins();
  bool Step();
  bool CompareEntry(size_t index, long match);
  bool ComparePair(size_t index, size_t match);
  bool EnterNew(size_t index, ChangeKind kind);
  bool EnterBoth(size_t index, size_t match);
  bool Arrive(bool listed);
  void Leave();
  // The entry of the old view with the same name, or -1.
  long MatchOf(size_t index);
  // Whether a layer of the new view is one of the old.
  bool IsTwin(uint32_t now, uint32_t before) { return twins_.At(now) == before; }
  bool SameMembers(const ViewEntry& now, const ViewEntry& before);
  // Whether everything is known of what the current directory holds: what is missing was deleted.
  bool complete() { return judge_ == Judge::kExact || now_->closed(); }
  // Calls what it is given for each name that was deleted, and answers whether any was added.
  template <typename Deleted>
  bool ScanNames(Deleted deleted);
  Verdict CompareDirectories();
  Verdict CompareFiles(size_t index, size_t match);
  Verdict CompareLooked(size_t index, size_t match, Statx* now, Statx* before);
  // Both layers' directories; false when that is the verdict already.
  bool OpenPair(uint32_t now_layer, uint32_t before_layer, Pair* pair, Verdict* verdict);
  bool Tell(ChangeKind kind, View* view, size_t index);
  bool TellTrail();
  bool TellPlace(size_t level);
  Difference DifferenceAt(ChangeKind kind, View* view, size_t index);
  bool SetPath(size_t level, const char* name);
  bool Fail(long error, const char* call);
  bool FailIn(View* view);
  Verdict VerdictOf(const Look& look, uint32_t now_layer, uint32_t before_layer);
  // What vanished is no failure.
  Verdict Unsure(View* view, uint32_t layer, long error, const char* call);

  static constexpr uint32_t kNoTwin = UINT32_MAX;
  View* now_;
  View* before_;
  Judge judge_;
  Depth depth_;
  Visitor* visitor_;
  const std::atomic<uint32_t>* cancelled_;
  Stack<Place> places_;
  bool skipped_ = false;
  // How many of the places the visitor knows.
  size_t told_ = 0;
  // Of each layer of the new view: which of the old one is the same directory.
  Stack<uint32_t> twins_;
  Buffer path_;
  FileComparer files_;
  TreeResult result_;
};

}  // namespace graphdriver
