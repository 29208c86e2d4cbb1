#include "parallel.hpp"

#ifdef TSNEKIT_THREADS

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#ifndef _WIN32
#include <pthread.h>
#include <signal.h>
#endif

namespace tsnekit {
namespace {

thread_local int worker_index = 0;

inline void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// While it lives, new threads are made that leave all signals to the threads of the program.
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

// Looks for a little while whether something becomes true, before it is worth while to sleep.
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
  void run(index_t blocks, int threads, void (*task)(void*, index_t), void* context) {
    if (threads < 2 || blocks < 2 || taken_.exchange(true, std::memory_order_acquire)) {
      for (index_t block = 0; block < blocks; ++block) task(context, block);
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
    const int outer = worker_index;
    worker_index = 0;
    work();
    worker_index = outer;

    const auto all_left = [this] { return inside_.load(std::memory_order_acquire) == 0; };
    std::unique_lock<std::mutex> lock(mutex_);
    vacancies_ = 0;  // whoever comes now is too late
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
  void hire(index_t count) {
    while (static_cast<index_t>(hired_) < count) {
      const NoSignals no_signals;
      try {
        std::thread([this] { serve(); }).detach();
      } catch (const std::system_error&) {
        return;
      }
      ++hired_;
    }
  }

  // The life of a thread: it lasts as long as the process.
  void serve() {
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
      worker_index = ++joined_;
      inside_.fetch_add(1, std::memory_order_relaxed);
      lock.unlock();
      work();
      if (inside_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        lock.lock();  // the caller either has not looked yet, or sleeps and is woken
        left_.notify_one();
      }
    }
  }

  void work() {
    const index_t blocks = blocks_;
    index_t block;
    while ((block = next_.fetch_add(1, std::memory_order_relaxed)) < blocks) {
      try {
        task_(context_, block);
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
  std::atomic<int> sleeping_{0}, inside_{0};
  std::atomic<index_t> next_{0};
  void (*task_)(void*, index_t) = nullptr;
  void* context_ = nullptr;
  index_t blocks_ = 0, vacancies_ = 0;
  int joined_ = 0, hired_ = 0;
  std::exception_ptr failure_;
};

// Never destroyed: its threads may outlive every destructor. A forked child, which has none of the
// parent's threads, starts with a pool of its own.
Pool*& pool() {
  static Pool* instance = [] {
#ifndef _WIN32
    pthread_atfork(nullptr, nullptr, [] { pool() = new Pool; });
#endif
    return new Pool;
  }();
  return instance;
}

}  // namespace

void run_blocks(index_t blocks, int threads, void (*task)(void*, index_t), void* context) {
  pool()->run(blocks, threads, task, context);
}

int worker() noexcept { return worker_index; }

bool has_threads() noexcept { return true; }

}  // namespace tsnekit

#else

namespace tsnekit {

void run_blocks(index_t blocks, int, void (*task)(void*, index_t), void* context) {
  for (index_t block = 0; block < blocks; ++block) task(context, block);
}

int worker() noexcept { return 0; }

bool has_threads() noexcept { return false; }

}  // namespace tsnekit

#endif
