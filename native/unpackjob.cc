#include "unpackjob.h"

#include <new>

#include "tarlist.h"
#include "thread.h"

namespace graphdriver {

UnpackJob::~UnpackJob() {
  UnpackFile::Destroy(file_);
}

NewHandle UnpackJob::Create(int directory, Form form, const TarLimits& limits, uint64_t seed,
                            bool hash, Bytes lowers) {
  NewHandle result;
  Descriptor owned(directory);
  void* memory = malloc(sizeof(UnpackJob));
  if (memory == nullptr) {
    result.error = -ENOMEM;
    return result;
  }
  UnpackJob* job = new (memory) UnpackJob(form, limits, seed, hash);
  result.handle = Ref<Handle>::Take(job);
  if (!job->tree_.SetLowers(lowers.data, lowers.size)) {
    result.error = -ENOMEM;
    return result;
  }
  job->directory_ = owned.Take();
  job->Retain();
  int error = StartThread(Run, job);
  if (error != 0) {
    CloseQuietly(job->directory_);
    job->Release();
    result.error = error;
  }
  return result;
}

void* UnpackJob::Run(void* data) {
  UnpackJob* job = static_cast<UnpackJob*>(data);
  constexpr int kSetName = 15;
  Call(SYS_prctl, kSetName, static_cast<const void*>("graphdriver"));
  job->filler_.Start();
  if (job->hash_) job->digest_.Start();
  bool made = job->Check(job->tree_.Open(job->directory_)) && job->Unpack();
  // Of two failures the one of the earlier entry counts.
  bool filled = job->filler_.End();
  if (!filled) job->TakeFillersFailure();
  bool finished = made && filled && job->Check(job->tree_.Finish());
  if (!finished) job->digest_.Cancel();
  job->has_digest_ = job->digest_.End();
  // A file that was not finished stays as it is: the whole directory is good for nothing.
  UnpackFile::Destroy(job->file_);
  job->file_ = nullptr;
  job->tree_.Close();
  job->queue_.Cancel();
  job->source_.Reset();
  job->done_.store(1, std::memory_order_release);
  FutexWake(&job->done_, INT32_MAX);
  job->Release();
  return nullptr;
}

bool UnpackJob::Check(const UnpackFailure& failure) {
  if (!failure.failed()) return true;
  failure_ = failure;
  const char* path = tree_.path();
  if (path != nullptr) failed_path_.Append(path, strlen(path));
  return false;
}

bool UnpackJob::Unpack() {
  while (UnpackChunk* chunk = Next()) {
    if (hash_) digest_.Put(chunk);
    bool drained = Drain(chunk);
    chunk->Release();
    if (!drained) return false;
  }
  if (failure_.failed()) return false;
  if (queue_.cancelled()) return Check({-ECANCELED, "read"});
  if (reader_.FinishInput() == TarEvent::kFault) return Check(reader_.fault());
  return true;
}

UnpackChunk* UnpackJob::Next() {
  if (source_.failed()) {
    if (UnpackChunk* chunk = queue_.Take()) return chunk;
    source_.Reset(queue_.TakeFile());
  }
  return queue_.cancelled() || source_.failed() ? nullptr : ReadPiece();
}

UnpackChunk* UnpackJob::ReadPiece() {
  UnpackChunk* chunk = UnpackChunk::Create(kPiece);
  if (chunk == nullptr) {
    Check({-ENOMEM, "malloc"});
    return nullptr;
  }
  long count = CallAgain(SYS_read, source_.get(), static_cast<void*>(chunk->data()), kPiece);
  if (count > 0) {
    chunk->size = static_cast<size_t>(count);
    return chunk;
  }
  chunk->Release();
  Check({count, "read"});
  return nullptr;
}

void UnpackJob::TakeFillersFailure() {
  failure_ = filler_.failure();
  failed_path_.SetSize(0);
  failed_path_.Append(filler_.failed_path().data(), filler_.failed_path().size());
}

bool UnpackJob::Drain(UnpackChunk* chunk) {
  reader_.Feed(chunk->data(), chunk->size);
  while (!queue_.cancelled()) {
    TarEvent event = reader_.Next();
    bool good = true;
    if (event == TarEvent::kInput) {
      filler_.Flush();
      bytes_.store(reader_.position(), std::memory_order_relaxed);
      return true;
    }
    if (event == TarEvent::kFault) return Check(reader_.fault());
    if (event == TarEvent::kEntry) good = StartEntry();
    if (good && event == TarEvent::kData && file_ != nullptr) good = FillFile(chunk);
    if (!good) return false;
  }
  return Check({-ECANCELED, "read"});
}

bool UnpackJob::StartEntry() {
  entries_.store(reader_.entries(), std::memory_order_relaxed);
  size_ += reader_.entry().size;
  if (!Check(tree_.Make(&reader_, &file_))) return false;
  if (file_ == nullptr || reader_.left() > 0) return true;
  UnpackFile* file = file_;
  file_ = nullptr;
  return filler_.Put(file, nullptr, {}, true);
}

bool UnpackJob::FillFile(UnpackChunk* chunk) {
  bool last = reader_.left() == 0;
  UnpackFile* file = file_;
  if (last) file_ = nullptr;
  if (reader_.entry().size < kLarge) return filler_.Put(file, chunk, reader_.data(), last);
  bool written = Check(file->Write(reader_.data().data, reader_.data().size));
  if (!last) return written;
  // Freed there, in any case.
  return filler_.Put(file, nullptr, {}, true) && written;
}

void UnpackJob::Wait() {
  while (done_.load(std::memory_order_acquire) == 0) FutexWait(&done_, 0, nullptr);
}

// Errno or 0; fault or 0, its entry and offset, that entry's name; which call failed and where;
// the digest, if there is one; bytes of all bodies, entries, warnings that were left out.
WideTable UnpackJob::TakeResult() {
  WideTable table;
  TarText name = reader_.entry().name;
  bool fault = failure_.fault != TarFault::kNone;
  bool made = table.Add(failure_.error) && table.Add(static_cast<int64_t>(failure_.fault)) &&
              table.Add(static_cast<int64_t>(reader_.number())) &&
              table.Add(static_cast<int64_t>(reader_.offset())) &&
              table.AddText(name.data, fault ? name.size : 0) &&
              table.AddText(failure_.call, strlen(failure_.call)) &&
              table.AddText(failed_path_.data(), failed_path_.size()) &&
              table.AddText(reinterpret_cast<const char*>(digest_.digest()),
                            has_digest_ ? Sha256::kSize : 0) &&
              table.Add(static_cast<int64_t>(size_)) &&
              table.Add(static_cast<int64_t>(reader_.entries())) &&
              table.Add(static_cast<int64_t>(notes_.left_out()));
  // Their texts begin where those of the head end.
  made = made && table.Add(static_cast<int64_t>(table.text.size())) &&
         table.rows.Append(notes_.table().rows.data(), notes_.table().rows.size()) &&
         table.text.Append(notes_.table().text.data(), notes_.table().text.size());
  if (!made) table.error = -ENOMEM;
  return table;
}

NewHandle UnpackStart(int32_t directory, uint32_t form, Bytes limits, uint64_t seed, bool hash,
                      Bytes lowers) {
  NewHandle failed;
  failed.error = -EINVAL;
  TarLimits read;
  if (form >= kForms || !ReadLimits(limits, &read)) return failed;
  // Of its own, open for reading: the caller may close its.
  long fd = CallAgain(SYS_openat, directory, static_cast<const void*>("."),
                      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    failed.error = static_cast<int>(fd);
    return failed;
  }
  return UnpackJob::Create(static_cast<int>(fd), static_cast<Form>(form), read, seed, hash, lowers);
}

int32_t UnpackPut(UnpackJob* job, BorrowedBytes bytes) {
  if (job->queue().cancelled()) return -ECANCELED;
  UnpackChunk* chunk = UnpackChunk::Create(bytes.size);
  if (chunk == nullptr) return -ENOMEM;
  if (bytes.size > 0) memcpy(chunk->data(), bytes.data, bytes.size);
  size_t waiting = job->queue().Put(chunk);
  return waiting < INT32_MAX ? static_cast<int32_t>(waiting) : INT32_MAX;
}

int32_t UnpackReadFrom(UnpackJob* job, int32_t file) {
  long fd = Call(SYS_fcntl, file, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return static_cast<int32_t>(fd);
  return job->queue().Close(static_cast<int>(fd)) ? 0 : -EALREADY;
}

int32_t UnpackRoom(UnpackJob* job) {
  job->queue().WaitForRoom();
  return 0;
}

Row UnpackProgress(UnpackJob* job) {
  Row row;
  row.count = 2;
  row.values[0] = static_cast<int64_t>(job->bytes());
  row.values[1] = static_cast<int64_t>(job->entries());
  return row;
}

WideTable UnpackEnd(UnpackJob* job) {
  job->queue().Close();
  job->Wait();
  return job->TakeResult();
}

int32_t UnpackCancel(UnpackJob* job) {
  job->Abandon();
  return 0;
}

}  // namespace graphdriver
