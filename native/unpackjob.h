// An archive that is being unpacked, by threads of its own.
#pragma once

#include "handle.h"
#include "results.h"
#include "tarreader.h"
#include "unpackdigest.h"
#include "unpackfiller.h"
#include "unpackqueue.h"
#include "unpacktree.h"
#include "widetable.h"

namespace graphdriver {

class UnpackJob final : public Handle {
 public:
  static constexpr char kTag = 0;
  // Takes the descriptor, whatever the answer.
  static NewHandle Create(int directory, Form form, const TarLimits& limits, uint64_t seed,
                          bool hash, Bytes lowers);
  UnpackQueue& queue() { return queue_; }
  // Any thread. Waits for the end, after everything was put or Cancel() was called.
  void Wait();
  // After Wait(): kResultHead numbers, and then the warnings (unpacknotes.h).
  WideTable TakeResult();
  uint64_t entries() const { return entries_.load(std::memory_order_relaxed); }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  void Abandon() override {
    queue_.Cancel();
    filler_.Cancel();
    digest_.Cancel();
  }

 private:
  // As much as stays in a processor's cache until it is written and hashed.
  static constexpr size_t kPiece = 256 << 10;
  // Bodies from this size on are written by the thread that reads them, whose cache has them still:
  // the hash keeps another processor busy meanwhile.
  static constexpr uint64_t kLarge = 1 << 20;
  UnpackJob(Form form, const TarLimits& limits, uint64_t seed, bool hash)
      : Handle(&kTag), reader_(limits), tree_(form, &notes_, seed), filler_(&notes_), hash_(hash) {}
  ~UnpackJob() override;
  static void* Run(void* job);
  // Each answers false after a failure was noted.
  bool Unpack();
  // The next piece, whose reference is the caller's; null at the end, and after a failure.
  UnpackChunk* Next();
  UnpackChunk* ReadPiece();
  bool Drain(UnpackChunk* chunk);
  bool StartEntry();
  bool FillFile(UnpackChunk* chunk);
  void TakeFillersFailure();
  bool Check(const UnpackFailure& failure);

  UnpackQueue queue_{UnpackChunk::kToUnpack};
  TarReader reader_;
  UnpackNotes notes_;
  UnpackTree tree_;
  UnpackFiller filler_;
  const bool hash_;
  UnpackDigest digest_;
  bool has_digest_ = false;
  int directory_ = -1;
  // What is read when the queue is at its end.
  Descriptor source_;
  // Owned while it is filled.
  UnpackFile* file_ = nullptr;
  UnpackFailure failure_;
  // Where, when a call failed.
  Buffer failed_path_;
  uint64_t size_ = 0;
  std::atomic<uint64_t> entries_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint32_t> done_{0};
};

NewHandle UnpackStart(int32_t directory, uint32_t form, Bytes limits, uint64_t seed, bool hash,
                      Bytes lowers);
int32_t UnpackPut(UnpackJob* job, BorrowedBytes bytes);
int32_t UnpackReadFrom(UnpackJob* job, int32_t file);
int32_t UnpackRoom(UnpackJob* job);
Row UnpackProgress(UnpackJob* job);
WideTable UnpackEnd(UnpackJob* job);
int32_t UnpackCancel(UnpackJob* job);

}  // namespace graphdriver
