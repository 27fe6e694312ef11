#include "compare.h"

#include <dirent.h>

namespace graphdriver {

namespace {

bool IsGone(long error) {
  return error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
}

}  // namespace

bool Comparison::Fail(long error, const char* call) {
  result_.error = static_cast<int>(error);
  result_.call = call;
  return false;
}

// With the whole path: the layer's, and below it where the view is.
bool Comparison::FailIn(View* view) {
  const ViewFailure& failure = view->failure();
  if (failure.layer != ViewFailure::kNoLayer) {
    const char* root = view->layer(failure.layer).path;
    size_t size = view->path().End(view->path().level());
    result_.path.Append(root, strlen(root));
    if (size > 0 && result_.path.Append('/')) result_.path.Append(view->path().data(), size);
  }
  return Fail(failure.error, failure.call);
}

Comparison::Verdict Comparison::Unsure(View* view, uint32_t layer, long error, const char* call) {
  if (IsGone(error)) return view == now_ ? Verdict::kGone : Verdict::kDiffers;
  const char* root = view->layer(layer).path;
  result_.path.Append(root, strlen(root));
  if (path_.size() > 1 && result_.path.Append('/'))
    result_.path.Append(path_.data(), path_.size() - 1);
  Fail(error, call);
  return Verdict::kFailed;
}

// The path of the directory at a level of the trail, or of an entry in it.
bool Comparison::SetPath(size_t level, const char* name) {
  TrailPath& trail = now_->path();
  size_t size = trail.End(level);
  path_.SetSize(0);
  bool made = path_.Append(trail.data(), size);
  if (name != nullptr)
    made = made && (size == 0 || path_.Append('/')) && path_.Append(name, strlen(name));
  return (made && path_.Append('\0')) || Fail(-ENOMEM, "malloc");
}

Difference Comparison::DifferenceAt(ChangeKind kind, View* view, size_t index) {
  const ViewEntry& entry = view->At(index);
  size_t size = path_.size() - 1;
  const char* name = path_.data() + size - strlen(view->Name(index));
  return {kind, path_.data(), size, name, entry.type, view, entry.layer, now_->level()};
}

bool Comparison::Tell(ChangeKind kind, View* view, size_t index) {
  if (!TellTrail() || !SetPath(now_->level(), view->Name(index))) return false;
  long error = visitor_->Visit(DifferenceAt(kind, view, index));
  return error == 0 || Fail(error, "malloc");
}

bool Comparison::TellPlace(size_t level) {
  if (!SetPath(level, nullptr)) return false;
  size_t begin = level == 0 ? 0 : now_->path().Begin(level - 1);
  Difference directory{places_.At(level).kind, path_.data(), path_.size() - 1,
                       path_.data() + begin,   DT_DIR,       now_,
                       now_->TopAt(level),     level};
  long error = visitor_->Visit(directory);
  return error == 0 || Fail(error, "malloc");
}

// The current directory, and those above it that the visitor has not heard of.
bool Comparison::TellTrail() {
  while (told_ < places_.size()) {
    if (!TellPlace(told_)) return false;
    told_++;
  }
  return true;
}

bool Comparison::FindTwins() {
  for (uint32_t i = 0; i < now_->layers(); i++) {
    uint32_t twin = 0;
    while (twin < before_->layers() && !SameDirectory(now_->layer(i), before_->layer(twin))) twin++;
    if (!twins_.Push(twin < before_->layers() ? twin : kNoTwin)) return Fail(-ENOMEM, "malloc");
  }
  return true;
}

bool Comparison::SameMembers(const ViewEntry& now, const ViewEntry& before) {
  if (now.count != before.count) return false;
  for (uint32_t i = 0; i < now.count; i++) {
    if (twins_.At(now_->Member(now, i)) != before_->Member(before, i)) return false;
  }
  return true;
}

long Comparison::MatchOf(size_t index) {
  Place& place = places_.Top();
  const char* name = now_->Name(index);
  while (place.in_before && place.before < before_->size()) {
    int order = strcmp(before_->Name(place.before), name);
    if (order == 0) return static_cast<long>(place.before);
    if (order > 0) break;
    place.before++;
  }
  return -1;
}

template <typename Deleted>
bool Comparison::ScanNames(Deleted deleted) {
  bool added = false;
  size_t i = 0;
  for (size_t j = 0; i < now_->size() || j < before_->size();) {
    int order = i == now_->size()      ? 1
                : j == before_->size() ? -1
                                       : strcmp(now_->Name(i), before_->Name(j));
    bool gone = order <= 0 && now_->At(i).type == kWhiteoutType;
    if (order < 0 && !gone) added = true;
    if (order == 0 ? gone : order > 0 && complete()) deleted(j);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  return added;
}

Comparison::Verdict Comparison::VerdictOf(const Look& look, uint32_t now_layer,
                                          uint32_t before_layer) {
  if (look.verdict != Look::kFailed) {
    return look.verdict == Look::kSame ? Verdict::kSame : Verdict::kDiffers;
  }
  return look.in_now ? Unsure(now_, now_layer, look.error, look.call)
                     : Unsure(before_, before_layer, look.error, look.call);
}

bool Comparison::OpenPair(uint32_t now_layer, uint32_t before_layer, Pair* pair, Verdict* verdict) {
  pair->now = static_cast<int>(now_->Fd(now_layer, now_->level()));
  pair->before = static_cast<int>(before_->Fd(before_layer, before_->level()));
  if (pair->now < 0) {
    *verdict = Unsure(now_, now_layer, pair->now, "openat2");
  } else if (pair->before < 0) {
    *verdict = Unsure(before_, before_layer, pair->before, "openat2");
  }
  return pair->now >= 0 && pair->before >= 0;
}

Comparison::Verdict Comparison::CompareDirectories() {
  uint32_t now_layer = now_->top();
  uint32_t before_layer = before_->top();
  Pair pair;
  Verdict verdict;
  if (!SetPath(now_->level(), nullptr)) return Verdict::kFailed;
  if (IsTwin(now_layer, before_layer)) return Verdict::kSame;
  if (!OpenPair(now_layer, before_layer, &pair, &verdict)) return verdict;
  return VerdictOf(files_.Directories(pair), now_layer, before_layer);
}

Comparison::Verdict Comparison::CompareLooked(size_t index, size_t match, Statx* now,
                                              Statx* before) {
  uint32_t now_layer = now_->At(index).layer;
  uint32_t before_layer = before_->At(match).layer;
  Pair pair;
  Verdict verdict;
  if (!OpenPair(now_layer, before_layer, &pair, &verdict)) return verdict;
  Look look = files_.Files(pair, now_->Name(index), now, before);
  return VerdictOf(look, now_layer, before_layer);
}

// Both are no directories.
Comparison::Verdict Comparison::CompareFiles(size_t index, size_t match) {
  if (!SetPath(now_->level(), now_->Name(index))) return Verdict::kFailed;
  bool twins = IsTwin(now_->At(index).layer, before_->At(match).layer);
  Statx now;
  Statx before;
  if (!twins) {
    Verdict verdict = CompareLooked(index, match, &now, &before);
    if (verdict != Verdict::kSame) return verdict;
  }
  bool skip = twins && depth_ != Depth::kEverything;
  skipped_ = skipped_ || skip;
  if (skip || depth_ == Depth::kDifferences) return Verdict::kSame;
  Difference same = DifferenceAt(ChangeKind::kModified, now_, index);
  long answer = visitor_->Meet(same, twins ? nullptr : &now, twins ? nullptr : &before);
  if (answer == 0) return Verdict::kSame;
  if (answer > 0) return Verdict::kDiffers;
  Fail(answer, "malloc");
  return Verdict::kFailed;
}

void Comparison::Leave() {
  if (places_.Top().in_before) before_->Leave();
  now_->Leave();
  places_.Pop();
  if (told_ > places_.size()) told_ = places_.size();
}

// A directory that the old view did not have.
bool Comparison::EnterNew(size_t index, ChangeKind kind) {
  if (!now_->Enter(index)) return FailIn(now_);
  if (!places_.Push({0, 0, kind, false})) return Fail(-ENOMEM, "malloc");
  if (!now_->gone()) return TellTrail();
  Leave();
  return true;
}

bool Comparison::EnterBoth(size_t index, size_t match) {
  if (!now_->Enter(index)) return FailIn(now_);
  // Without entries of its own, a directory on top of another changes nothing in it.
  bool list = complete() || now_->size() > 0;
  if (!before_->Enter(match, list)) return FailIn(before_);
  if (!places_.Push({0, 0, ChangeKind::kKept, true})) return Fail(-ENOMEM, "malloc");
  if (!now_->gone() && !now_->covered() && !before_->covered()) return Arrive(list);
  Leave();
  return true;
}

// Says of a directory that is in both views what was done to itself and what was deleted in it.
bool Comparison::Arrive(bool listed) {
  size_t deleted = 0;
  bool added = listed && ScanNames([&deleted](size_t) { deleted++; });
  Verdict verdict = CompareDirectories();
  if (verdict == Verdict::kFailed) return false;
  bool names_differ = (added || deleted > 0) && now_->level() > 0;
  if (names_differ || verdict == Verdict::kDiffers) {
    places_.Top().kind = ChangeKind::kModified;
    if (!TellTrail()) return false;
  }
  if (deleted == 0) return true;
  bool told = true;
  ScanNames(
      [this, &told](size_t match) { told = told && Tell(ChangeKind::kDeleted, before_, match); });
  return told;
}

bool Comparison::ComparePair(size_t index, size_t match) {
  const ViewEntry& now = now_->At(index);
  const ViewEntry& before = before_->At(match);
  if (now.type == DT_DIR) {
    if (before.type != DT_DIR) return EnterNew(index, ChangeKind::kModified);
    bool skip = depth_ != Depth::kEverything && SameMembers(now, before);
    if (!skip) return EnterBoth(index, match);
    skipped_ = true;
    return true;
  }
  if (judge_ == Judge::kExact && now.type == before.type) {
    Verdict verdict = CompareFiles(index, match);
    if (verdict != Verdict::kDiffers) return verdict != Verdict::kFailed;
  }
  return Tell(ChangeKind::kModified, now_, index);
}

bool Comparison::Step() {
  Place& place = places_.Top();
  if (place.now == now_->size()) {
    Leave();
    return true;
  }
  size_t index = place.now++;
  unsigned char type = now_->At(index).type;
  if (type == kWhiteoutType) return true;
  long match = MatchOf(index);
  if (match >= 0) return ComparePair(index, static_cast<size_t>(match));
  return type == DT_DIR ? EnterNew(index, ChangeKind::kAdded)
                        : Tell(ChangeKind::kAdded, now_, index);
}

bool Comparison::Start(Bytes now, Bytes before, Form form) {
  if (!now_->Open(now, form)) return FailIn(now_);
  if (!before_->Open(before, form)) return FailIn(before_);
  if (!FindTwins()) return false;
  bool in_before = before_->layers() > 0;
  if (!now_->EnterRoot()) return FailIn(now_);
  if (in_before && !before_->EnterRoot()) return FailIn(before_);
  ChangeKind kind = in_before ? ChangeKind::kKept : ChangeKind::kAdded;
  if (!places_.Push({0, 0, kind, in_before})) return Fail(-ENOMEM, "malloc");
  return in_before ? Arrive(true) : TellTrail();
}

bool Comparison::Run(Bytes now, Bytes before, Form form) {
  if (!Start(now, before, form)) return false;
  while (places_.size() > 0) {
    if (cancelled_->load(std::memory_order_relaxed) != 0) return Fail(-ECANCELED, "getdents64");
    if (!Step()) return false;
  }
  return true;
}

}  // namespace graphdriver
