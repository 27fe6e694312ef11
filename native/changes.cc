#include "changes.h"

#include <dirent.h>

#include <new>

#include "changessize.h"

namespace graphdriver {

namespace {

// Rows hold 32-bit offsets, and no string of JavaScript is longer than this.
constexpr size_t kMostText = size_t{1} << 28;

// Every change as a row of a table.
class Recorder final : public Visitor {
 public:
  explicit Recorder(Table* table) : table_(table) {}
  ~Recorder() override = default;
  long Visit(const Difference& what) override {
    // The root is no entry, and a directory that is as it was no change.
    if (what.kind == ChangeKind::kKept || what.path_size == 0) return 0;
    Buffer* text = &table_->text;
    size_t start = text->size();
    if (start + what.path_size >= kMostText) return -EOVERFLOW;
    if (!text->Append('/') || !text->Append(what.path, what.path_size)) return -ENOMEM;
    const int32_t row[] = {static_cast<int32_t>(what.kind), static_cast<int32_t>(start),
                           static_cast<int32_t>(text->size())};
    return table_->rows.Append(row, sizeof row) ? 0 : -ENOMEM;
  }

 private:
  Table* table_;
};

}  // namespace

bool ViewsJob::SetPaths(Bytes now, Bytes before) {
  return now_.Append(now.data, now.size) && before_.Append(before.data, before.size);
}

TreeResult ViewsJob::Compare(Depth depth, Visitor* visitor) const {
  View now(judge_ == Judge::kTouched);
  View before(false);
  Comparison comparison(&now, &before, judge_, depth, visitor, &cancelled_);
  comparison.Run(BytesOf(now_), BytesOf(before_), form_);
  return static_cast<TreeResult&&>(comparison.result());
}

TreeResult ViewsJob::LayerSize() const {
  return SizeOfLayer(now_.data(), form_, &cancelled_);
}

NewHandle ViewsOf(Bytes now, Bytes before, uint32_t form, uint32_t judge) {
  NewHandle result;
  bool ended = now.size > 0 && now.data[now.size - 1] == 0 &&
               (before.size == 0 || before.data[before.size - 1] == 0);
  if (form >= kForms || judge >= kJudges || !ended) {
    result.error = -EINVAL;
    return result;
  }
  void* memory = malloc(sizeof(ViewsJob));
  if (memory == nullptr) {
    result.error = -ENOMEM;
    return result;
  }
  ViewsJob* job = new (memory) ViewsJob(static_cast<Form>(form), static_cast<Judge>(judge));
  result.handle = Ref<Handle>::Take(job);
  if (!job->SetPaths(now, before)) result.error = -ENOMEM;
  return result;
}

ChangesTable ViewChanges(ViewsJob* job) {
  ChangesTable result;
  Recorder recorder(&result.table);
  result.end = job->Compare(Depth::kDifferences, &recorder);
  return result;
}

TreeResult ViewChangedSize(ViewsJob* job) {
  SizeCounter counter;
  TreeResult result = job->Compare(Depth::kDifferences, &counter);
  result.count = counter.size();
  return result;
}

TreeResult ViewLayerSize(ViewsJob* job) {
  return job->LayerSize();
}

int32_t ViewsCancel(ViewsJob* job) {
  job->Cancel();
  return 0;
}

napi_value Encode(napi_env env, const ChangesTable& result) {
  return result.end.error != 0 ? Encode(env, result.end) : Encode(env, result.table);
}

}  // namespace graphdriver
