// A tar that is being made: block by block for JavaScript, by a thread of its own, or straight into
// a descriptor.
#pragma once

#include "handle.h"
#include "slabs.h"
#include "tarwriter.h"

namespace graphdriver {

// Made by `new (memory) T` in memory of malloc().
class TarProducer {
 public:
  virtual ~TarProducer() = default;
  // Writes the whole tar; false after a failure was noted.
  virtual bool Run(TarWriter*, const std::atomic<uint32_t>*) { return false; }
};

class PackJob final : public Handle {
 public:
  static constexpr char kTag = 0;
  // Takes the producer, whatever the answer.
  static NewHandle Create(TarProducer* producer, bool whole_seconds);
  // Any thread; each job is used for one of these two, Next() again and again.
  void Next(Chunk* chunk, TreeResult* failure);
  TreeResult Into(int fd);
  void Cancel();
  PackNotes& notes() { return notes_; }
  void Abandon() override { Cancel(); }

 private:
  PackJob(TarProducer* producer, bool whole_seconds)
      : Handle(&kTag), producer_(producer), whole_seconds_(whole_seconds), slabs_(notes_.bytes()) {}
  ~PackJob() override { DropProducer(); }
  static void* Fill(void* job);
  TreeResult Produce(Output* output);
  void Begin();
  // By whoever may begin, or has.
  void DropProducer();

  TarProducer* producer_;
  bool whole_seconds_;
  PackNotes notes_;
  SlabQueue slabs_;
  std::atomic<uint32_t> cancelled_{0};
  // No bool: on some processors an exchange of a single byte is a function of a library.
  std::atomic<int> started_{0};
  // Written by the filling thread before the queue is closed.
  TreeResult result_;
};

// What PackNext answers: a Buffer, 0 at the end, or which call failed where.
struct PackedChunk {
  Chunk chunk;
  TreeResult end;
};
napi_value Encode(napi_env env, const PackedChunk& result);

NewHandle PackTree(int32_t directory, int32_t parent, uint32_t form, uint32_t flags);
PackedChunk PackNext(PackJob* job);
TreeResult PackInto(PackJob* job, int32_t fd);
int32_t PackCancel(PackJob* job);
Row PackProgress(PackJob* job);
Table PackWarnings(PackJob* job);

}  // namespace graphdriver
