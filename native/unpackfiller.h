// The second thread of an unpacking. The first one reads the archive and makes all names, in its
// order; this one writes the bodies of files and gives them their attributes. It works on open
// descriptors only, so that whatever happens to the names meanwhile is no matter.
#pragma once

#include "futex.h"
#include "unpackqueue.h"
#include "unpacktree.h"

namespace graphdriver {

class UnpackFiller {
 public:
  explicit UnpackFiller(UnpackNotes* notes) : notes_(notes) {}
  UnpackFiller(const UnpackFiller&) = delete;
  UnpackFiller& operator=(const UnpackFiller&) = delete;
  // Without a thread, everything is done by Put() itself.
  void Start();
  // A piece of a file's body, in a chunk. After the `last` one the file is freed. Waits while much
  // is under way. False when something failed; it may have been an earlier piece.
  bool Put(UnpackFile* file, UnpackChunk* chunk, TarText piece, bool last);
  // Nothing follows for now: what was put is begun.
  void Flush();
  // Waits until all that was put is done, and ends the thread. False when something failed.
  bool End();
  // What is not done yet will not be.
  void Cancel() { cancelled_.store(1, std::memory_order_relaxed); }
  // After a failure.
  const UnpackFailure& failure() const { return failure_; }
  const Buffer& failed_path() const { return failed_path_; }

 private:
  struct Task {
    UnpackFile* file;
    UnpackChunk* chunk;
    TarText piece;
    bool last;
  };
  // As many files may be open.
  static constexpr uint32_t kTasks = 128;
  // Waking up somebody costs more than a few small files.
  static constexpr uint32_t kWorthWaking = 32;
  static constexpr uint64_t kMostBytes = 4 << 20;
  static void* Run(void* filler);
  void Serve();
  void Do(const Task& task);
  bool HasRoom() const;
  void WaitForRoom();
  static void Wake(std::atomic<uint32_t>* sleeping);

  UnpackNotes* notes_;
  bool threaded_ = false;
  Task tasks_[kTasks];
  // Tasks put and tasks done, counted on and on; the same for bytes.
  std::atomic<uint32_t> put_{0};
  std::atomic<uint32_t> done_{0};
  std::atomic<uint64_t> put_bytes_{0};
  std::atomic<uint64_t> done_bytes_{0};
  // Futexes: 1 while somebody sleeps, or is about to.
  std::atomic<uint32_t> server_sleeps_{0};
  std::atomic<uint32_t> caller_sleeps_{0};
  std::atomic<uint32_t> ending_{0};
  std::atomic<uint32_t> ended_{0};
  std::atomic<uint32_t> cancelled_{0};
  std::atomic<uint32_t> failed_{0};
  UnpackFailure failure_;
  Buffer failed_path_;
};

}  // namespace graphdriver
