#include "packjob.h"

#include <new>

#include "thread.h"
#include "treepacker.h"

namespace graphdriver {

namespace {

constexpr uint32_t kWholeSeconds = 1;

// A description of our own: the caller may close its, and read the directory itself. One that is
// duplicated would share its place, and find nothing the second time.
long OpenAnew(int fd) {
  return CallAgain(SYS_openat, fd, static_cast<const void*>("."),
                   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

}  // namespace

NewHandle PackJob::Create(TarProducer* producer, bool whole_seconds) {
  NewHandle result;
  void* memory = malloc(sizeof(PackJob));
  if (memory == nullptr) {
    producer->~TarProducer();
    free(producer);
    result.error = -ENOMEM;
    return result;
  }
  PackJob* job = new (memory) PackJob(producer, whole_seconds);
  result.handle = Ref<Handle>::Take(job);
  if (!job->slabs_.Prepare()) result.error = -ENOMEM;
  return result;
}

void PackJob::DropProducer() {
  if (producer_ == nullptr) return;
  producer_->~TarProducer();
  free(producer_);
  producer_ = nullptr;
}

void PackJob::Cancel() {
  cancelled_.store(1, std::memory_order_relaxed);
  slabs_.Cancel();
  // Nobody begins any more.
  if (started_.exchange(1, std::memory_order_relaxed) == 0) DropProducer();
}

TreeResult PackJob::Produce(Output* output) {
  TarWriter writer(output, &notes_, whole_seconds_);
  producer_->Run(&writer, &cancelled_);
  // It has directories open; the job itself lives until JavaScript lets go of it.
  DropProducer();
  return static_cast<TreeResult&&>(writer.result());
}

void* PackJob::Fill(void* data) {
  PackJob* job = static_cast<PackJob*>(data);
  job->result_ = job->Produce(&job->slabs_);
  job->slabs_.Close();
  job->Release();
  return nullptr;
}

void PackJob::Begin() {
  if (started_.exchange(1, std::memory_order_relaxed) != 0) return;
  Retain();
  int error = StartThread(Fill, this);
  if (error == 0) return;
  result_.error = error;
  result_.call = "pthread_create";
  slabs_.Close();
  Release();
}

void PackJob::Next(Chunk* chunk, TreeResult* failure) {
  Begin();
  chunk->slab = slabs_.Take();
  if (chunk->slab != nullptr) return;
  if (slabs_.cancelled()) {
    failure->error = -ECANCELED;
    failure->call = "write";
    return;
  }
  failure->error = result_.error;
  failure->call = result_.call;
  failure->path.Append(result_.path.data(), result_.path.size());
}

TreeResult PackJob::Into(int fd) {
  TreeResult busy;
  busy.error = -EBUSY;
  if (started_.exchange(1, std::memory_order_relaxed) != 0) return busy;
  slabs_.Close();
  FdOutput output(fd, notes_.bytes(), &cancelled_);
  return Produce(&output);
}

napi_value Encode(napi_env env, const PackedChunk& result) {
  if (result.chunk.slab != nullptr) return Encode(env, result.chunk);
  return Encode(env, result.end);
}

NewHandle PackTree(int32_t directory, int32_t parent, uint32_t form, uint32_t flags) {
  NewHandle failed;
  failed.error = -EINVAL;
  if (form >= kForms || (flags & ~kWholeSeconds) != 0) return failed;
  Descriptor root(OpenAnew(directory));
  Descriptor above(parent < 0 ? -1 : OpenAnew(parent));
  if (root.failed() || (parent >= 0 && above.failed())) {
    failed.error = root.failed() ? root.get() : above.get();
    return failed;
  }
  void* memory = malloc(sizeof(TreePacker));
  if (memory == nullptr) {
    failed.error = -ENOMEM;
    return failed;
  }
  return PackJob::Create(new (memory)
                             TreePacker(root.Take(), above.Take(), static_cast<Form>(form)),
                         (flags & kWholeSeconds) != 0);
}

PackedChunk PackNext(PackJob* job) {
  PackedChunk result;
  job->Next(&result.chunk, &result.end);
  return result;
}

TreeResult PackInto(PackJob* job, int32_t fd) {
  return job->Into(fd);
}

int32_t PackCancel(PackJob* job) {
  job->Cancel();
  return 0;
}

Row PackProgress(PackJob* job) {
  return job->notes().Progress();
}

Table PackWarnings(PackJob* job) {
  return job->notes().Warnings();
}

}  // namespace graphdriver
