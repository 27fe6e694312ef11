#include "flatten.h"

#include <dirent.h>

#include <new>

namespace graphdriver {

namespace {

constexpr uint32_t kLenient = 1;

}  // namespace

// One run of a job.
class Flattening {
 public:
  explicit Flattening(FlattenJob* job) : job_(job), copier_(job->lenient_, job->form_) {}
  TreeResult Run();

 private:
  // Each answers false after it has noted a failure.
  bool Start();
  bool OpenTarget();
  bool Step();
  bool EnterDirectory(size_t index);
  bool LeaveDirectory();
  bool CopyEntry(size_t index);
  bool CopyLooked(uint32_t layer, int from, const char* name, const Statx& stat);
  bool SetPath(const char* name);
  bool Done(const Outcome& outcome, uint32_t layer, const char* name);
  bool Fail(long error, const char* call, uint32_t layer, const char* name);
  bool FailInView();

  FlattenJob* job_;
  // Sockets mean nothing without the process that listens, so they are left out.
  View view_{false};
  // The copy.
  Trail to_;
  Descriptor root_;
  // Of each directory on the way: the entry to copy next.
  Stack<size_t> next_;
  Links links_;
  EntryCopier copier_;
  // Of the entry at hand, from the root.
  Buffer path_;
  TreeResult result_;
};

bool Flattening::SetPath(const char* name) {
  size_t size = view_.path().End(view_.level());
  path_.SetSize(0);
  return path_.Append(view_.path().data(), size) &&
         (name == nullptr ||
          ((size == 0 || path_.Append('/')) && path_.Append(name, strlen(name))));
}

// With the whole path: the layer's, and below it where the view is.
bool Flattening::Fail(long error, const char* call, uint32_t layer, const char* name) {
  result_.error = static_cast<int>(error);
  result_.call = call;
  if (layer == ViewFailure::kNoLayer) return false;
  const char* root = view_.layer(layer).path;
  result_.path.Append(root, strlen(root));
  if (view_.level() == 0 && name == nullptr) return false;
  if (SetPath(name) && result_.path.Append('/')) result_.path.Append(path_.data(), path_.size());
  return false;
}

bool Flattening::FailInView() {
  const ViewFailure& failure = view_.failure();
  return Fail(failure.error, failure.call, failure.layer, nullptr);
}

bool Flattening::Done(const Outcome& outcome, uint32_t layer, const char* name) {
  if (outcome.failed()) return Fail(outcome.error, outcome.call, layer, name);
  job_->entries_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool Flattening::OpenTarget() {
  constexpr uint32_t kNoLayer = ViewFailure::kNoLayer;
  Descriptor target(CallAgain(SYS_openat, AT_FDCWD, static_cast<const void*>(job_->to_.data()),
                              O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (target.failed()) return Fail(target.get(), "openat", kNoLayer, nullptr);
  Outcome outcome = copier_.attributes()->Clear(target.get());
  if (outcome.failed()) return Fail(outcome.error, outcome.call, kNoLayer, nullptr);
  // Without its set-group-id bit, too: new directories would inherit it.
  if (long error = CallAgain(SYS_fchmod, target.get(), 0700)) {
    return Fail(error, "chmod", kNoLayer, nullptr);
  }
  long root = Call(SYS_fcntl, target.get(), F_DUPFD_CLOEXEC, 0);
  if (root < 0) return Fail(root, "fcntl", kNoLayer, nullptr);
  root_.Reset(root);
  if (long error = to_.Push(target.Take())) return Fail(error, "openat", kNoLayer, nullptr);
  return true;
}

bool Flattening::Start() {
  if (!copier_.Prepare() || !next_.Push(0)) {
    return Fail(-ENOMEM, "malloc", ViewFailure::kNoLayer, nullptr);
  }
  Bytes layers{reinterpret_cast<const uint8_t*>(job_->layers_.data()), job_->layers_.size()};
  if (!view_.Open(layers, job_->form_)) {
    // Nothing is entered yet.
    const ViewFailure& failure = view_.failure();
    if (failure.layer != ViewFailure::kNoLayer) {
      const char* path = view_.layer(failure.layer).path;
      result_.path.Append(path, strlen(path));
    }
    return Fail(failure.error, failure.call, ViewFailure::kNoLayer, nullptr);
  }
  return OpenTarget() && (view_.EnterRoot() || FailInView());
}

bool Flattening::EnterDirectory(size_t index) {
  if (!view_.Enter(index)) return FailInView();
  uint32_t top = view_.top();
  // What is under another mount cannot be seen; and what never changes has vanished.
  if (view_.covered()) return Fail(-EXDEV, "openat2", top, nullptr);
  if (view_.gone()) return Fail(-ESTALE, "openat2", top, nullptr);
  // The way's last name.
  const char* name = view_.path().data() + view_.path().Begin(view_.level() - 1);
  const char* call;
  Descriptor target(MakeDirectory(to_.fd(), name, &call));
  if (target.failed()) return Fail(target.get(), call, top, nullptr);
  if (!next_.Push(0)) return Fail(-ENOMEM, "malloc", top, nullptr);
  if (long error = to_.Push(target.Take())) return Fail(error, "openat", top, nullptr);
  return true;
}

// Everything in it is there, so that its times stay.
bool Flattening::LeaveDirectory() {
  uint32_t top = view_.top();
  // First back, then the mode: it may forbid to look up `..`.
  Descriptor target;
  if (long error = to_.Pop(&target)) return Fail(error, "openat", top, nullptr);
  long from = view_.Fd(top, view_.level());
  if (from < 0) return Fail(from, "openat2", top, nullptr);
  int fd = static_cast<int>(from);
  Statx stat;
  if (long error = StatxOf(fd, "", kEmptyPath, &stat)) return Fail(error, "statx", top, nullptr);
  Outcome outcome =
      copier_.attributes()->Copy({fd, -1, nullptr}, stat, {target.get(), -1, nullptr});
  if (!Done(outcome, top, nullptr)) return false;
  next_.Pop();
  view_.Leave();
  return true;
}

bool Flattening::CopyLooked(uint32_t layer, int from, const char* name, const Statx& stat) {
  if (stat.nlink > 1) {
    const char* first = links_.Find(stat);
    if (first != nullptr) {
      return Done(EntryCopier::Link(root_.get(), first, to_.fd(), name), layer, name);
    }
  }
  if (!Done(copier_.Copy(from, name, stat, to_.fd()), layer, name)) return false;
  if (stat.mode >> 12 == DT_REG) {
    job_->bytes_.fetch_add(static_cast<int64_t>(stat.size), std::memory_order_relaxed);
  }
  bool noted = stat.nlink < 2 || (SetPath(name) && links_.Add(stat, path_.data(), path_.size()));
  return noted || Fail(-ENOMEM, "linkat", layer, name);
}

bool Flattening::CopyEntry(size_t index) {
  const ViewEntry& entry = view_.At(index);
  const char* name = view_.Name(index);
  long from = view_.Fd(entry.layer, view_.level());
  if (from < 0) return Fail(from, "openat2", entry.layer, nullptr);
  Statx stat;
  long error = StatxOf(static_cast<int>(from), name, kSymlinkNofollow, &stat);
  if (error != 0) return Fail(error, "statx", entry.layer, name);
  // It was something else when its directory was read.
  if (stat.mode >> 12 != entry.type) return Fail(-ESTALE, "statx", entry.layer, name);
  return CopyLooked(entry.layer, static_cast<int>(from), name, stat);
}

bool Flattening::Step() {
  if (job_->cancelled_.load(std::memory_order_relaxed) != 0) {
    return Fail(-ECANCELED, "getdents64", ViewFailure::kNoLayer, nullptr);
  }
  size_t index = next_.Top();
  if (index == view_.size()) return LeaveDirectory();
  next_.Top()++;
  return view_.At(index).type == DT_DIR ? EnterDirectory(index) : CopyEntry(index);
}

TreeResult Flattening::Run() {
  if (Start()) {
    while (next_.size() > 0 && Step()) continue;
    // The root itself is no entry of the copy.
    result_.count = job_->entries_.fetch_sub(1, std::memory_order_relaxed) - 1;
  }
  return static_cast<TreeResult&&>(result_);
}

bool FlattenJob::SetPaths(Bytes layers, Text to) {
  return layers_.Append(layers.data, layers.size) && to_.Append(to.data, to.size) &&
         to_.Append('\0');
}

TreeResult FlattenJob::Run() {
  return Flattening(this).Run();
}

Row FlattenJob::Progress() const {
  Row row;
  row.count = 2;
  row.values[0] = bytes_.load(std::memory_order_relaxed);
  row.values[1] = entries_.load(std::memory_order_relaxed);
  return row;
}

NewHandle Flatten(Bytes layers, Text to, uint32_t form, uint32_t flags) {
  NewHandle made;
  bool ended = layers.size > 0 && layers.data[layers.size - 1] == 0;
  if (form >= kForms || (flags & ~kLenient) != 0 || !ended) {
    made.error = -EINVAL;
    return made;
  }
  void* memory = malloc(sizeof(FlattenJob));
  if (memory == nullptr) {
    made.error = -ENOMEM;
    return made;
  }
  FlattenJob* job = new (memory) FlattenJob(static_cast<Form>(form), (flags & kLenient) != 0);
  made.handle = Ref<Handle>::Take(job);
  if (!job->SetPaths(layers, to)) made.error = -ENOMEM;
  return made;
}

TreeResult FlattenRun(FlattenJob* job) {
  return job->Run();
}

Row FlattenProgress(FlattenJob* job) {
  return job->Progress();
}

int32_t FlattenCancel(FlattenJob* job) {
  job->Cancel();
  return 0;
}

}  // namespace graphdriver
