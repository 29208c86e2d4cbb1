#include "parallel.hpp"

#ifdef TSNEKIT_THREADS

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#ifndef _WIN32
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#endif

namespace tsnekit {
namespace {

inline void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// While an object of this class lives, the calling thread blocks all signals. A thread that it
// starts inherits this, so that the threads of the program receive the signals.
class NoSignals {
#ifndef _WIN32
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
#endif
};

// Address space that is reserved for the allocations of a new thread.
class Reserve {
#ifndef _WIN32
 public:
  Reserve() : start_(mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0)) {
    if (start_ == MAP_FAILED) throw std::bad_alloc();
  }
  Reserve(Reserve&& other) noexcept : start_(std::exchange(other.start_, MAP_FAILED)) {}
  ~Reserve() { release(); }

  void release() noexcept {
    if (start_ != MAP_FAILED) munmap(start_, size);
    start_ = MAP_FAILED;
  }

 private:
  static constexpr std::size_t size = 1 << 16;
  void* start_;
#else
 public:
  void release() noexcept {}
#endif
};

// Waits a short time for a condition without sleeping; returns whether it became true.
template <class Condition>
bool soon(Condition&& condition) {
  constexpr std::chrono::microseconds patience(40);
  const auto end = std::chrono::steady_clock::now() + patience;
  do {
    for (int k = 0; k < 64; ++k) {
      if (condition()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

class Pool {
 public:
  void run(index_t blocks, int threads, BlockTask task, void* context) {
    if (threads < 2 || blocks < 2 || taken_.exchange(true, std::memory_order_acquire)) {
      for (index_t block = 0; block < blocks; ++block) task(context, block, 0);
      return;
    }
    const index_t wanted = std::min<index_t>(threads, blocks) - 1;
    hire(wanted);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      task_ = task;
      context_ = context;
      blocks_ = blocks;
      next_.store(0, std::memory_order_relaxed);
      failure_ = nullptr;
      joined_ = 0;
      vacancies_ = wanted;
      jobs_.fetch_add(1, std::memory_order_release);
    }
    if (sleeping_.load() > 0) wake_.notify_all();
    work(0);

    const auto all_left = [this] { return inside_.load(std::memory_order_acquire) == 0; };
    std::unique_lock<std::mutex> lock(mutex_);
    vacancies_ = 0;  // a thread that arrives now is too late
    lock.unlock();
    const bool left = soon(all_left);
    lock.lock();
    if (!left) left_.wait(lock, all_left);
    const std::exception_ptr failure = std::move(failure_);
    lock.unlock();
    taken_.store(false, std::memory_order_release);
    if (failure) std::rethrow_exception(failure);
  }

 private:
  // Makes sure that there are `count` threads beside the caller, or as many as the system gives.
  void hire(index_t count) noexcept {
    while (static_cast<index_t>(hired_) < count) {
      const NoSignals no_signals;
      try {
        std::thread([this, reserve = Reserve()]() mutable { serve(reserve); }).detach();
      } catch (...) {  // no thread (system_error) or no memory for one (bad_alloc)
        return;
      }
      ++hired_;
      while (ready_.load(std::memory_order_acquire) < hired_) std::this_thread::yield();
    }
  }

  // The loop of a thread, which lasts as long as the process.
  void serve(Reserve& reserve) {
    // C++ allocates a thread's state of exceptions at its first use. Without memory for it, the
    // process would end. So it is used now, while the caller waits.
    reserve.release();
    [[maybe_unused]] volatile const int first_use = std::uncaught_exceptions();
    ready_.fetch_add(1, std::memory_order_release);
    std::uint64_t seen = 0;
    while (true) {
      const auto news = [&] { return jobs_.load(std::memory_order_acquire) != seen; };
      const bool soon_enough = soon(news);
      std::unique_lock<std::mutex> lock(mutex_);
      if (!soon_enough) {
        sleeping_.fetch_add(1);
        wake_.wait(lock, news);
        sleeping_.fetch_sub(1);
      }
      seen = jobs_.load(std::memory_order_relaxed);
      if (vacancies_ == 0) continue;
      --vacancies_;
      const int worker = ++joined_;
      inside_.fetch_add(1, std::memory_order_relaxed);
      lock.unlock();
      work(worker);
      if (inside_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        lock.lock();  // the caller has not looked yet, or sleeps and is woken
        left_.notify_one();
      }
    }
  }

  void work(int worker) {
    const index_t blocks = blocks_;
    index_t block;
    while ((block = next_.fetch_add(1, std::memory_order_relaxed)) < blocks) {
      try {
        task_(context_, block, worker);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        next_.store(blocks, std::memory_order_relaxed);
      }
    }
  }

  std::atomic<bool> taken_{false};
  std::mutex mutex_;
  std::condition_variable wake_, left_;
  std::atomic<std::uint64_t> jobs_{0};
  std::atomic<int> ready_{0}, sleeping_{0}, inside_{0};
  std::atomic<index_t> next_{0};
  BlockTask task_ = nullptr;
  void* context_ = nullptr;
  index_t blocks_ = 0, vacancies_ = 0;
  int joined_ = 0, hired_ = 0;
  std::exception_ptr failure_;
};

// The pool is never destroyed, because its threads may outlive every destructor. A forked child has
// no thread of its parent. There, a new pool is made in the same place, which takes no memory.
Pool& pool() {
  alignas(Pool) static unsigned char place[sizeof(Pool)];
  static Pool* const instance = [] {
#ifndef _WIN32
    pthread_atfork(nullptr, nullptr, [] { new (place) Pool; });
#endif
    return new (place) Pool;
  }();
  return *instance;
}

}  // namespace

void run_blocks(index_t blocks, int threads, BlockTask task, void* context) {
  pool().run(blocks, threads, task, context);
}

bool has_threads() noexcept { return true; }

}  // namespace tsnekit

#else

namespace tsnekit {

void run_blocks(index_t blocks, int, BlockTask task, void* context) {
  for (index_t block = 0; block < blocks; ++block) task(context, block, 0);
}

bool has_threads() noexcept { return false; }

}  // namespace tsnekit

#endif
