#include "util/thread.hpp"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

namespace adapipe::inline v0_1 {

namespace {

void check(int error) {
  if (error != 0) throw std::system_error(error, std::generic_category());
}

/// Faults are raised on the thread that causes them and must not be blocked.
sigset_t all_signals_but_faults() noexcept {
  sigset_t signals;
  sigfillset(&signals);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS})
    sigdelset(&signals, fault);
  return signals;
}

class Attributes {
 public:
  explicit Attributes(const ThreadOptions& options) {
    check(pthread_attr_init(&attributes_));
    try {
      apply(options);
    } catch (...) {
      pthread_attr_destroy(&attributes_);
      throw;
    }
  }
  ~Attributes() { pthread_attr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;

  const pthread_attr_t* get() const noexcept { return &attributes_; }

 private:
  void apply(const ThreadOptions& options) {
    const sigset_t blocked = all_signals_but_faults();
    check(pthread_attr_setsigmask_np(&attributes_, &blocked));
    if (options.stack_bytes != 0)
      check(pthread_attr_setstacksize(&attributes_, options.stack_bytes));
    if (options.cpus.empty()) return;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (const unsigned cpu : options.cpus) CPU_SET(cpu, &cpus);
    check(pthread_attr_setaffinity_np(&attributes_, sizeof cpus, &cpus));
  }

  pthread_attr_t attributes_;
};

struct Start {
  std::string name;
  std::function<void()> body;
};

void* run(void* argument) noexcept {
  const std::unique_ptr<Start> start(static_cast<Start*>(argument));
  pthread_setname_np(pthread_self(), start->name.c_str());
  start->body();
  return nullptr;
}

}  // namespace

OwnThread::OwnThread(const ThreadOptions& options, std::string_view role,
                     std::function<void()> body) {
  constexpr std::size_t kNameBytes = 15;
  std::string name = options.name.substr(0, kNameBytes - std::min(role.size(), kNameBytes));
  name += role;
  auto start = std::make_unique<Start>(Start{std::move(name), std::move(body)});
  const Attributes attributes(options);
  pthread_t handle{};
  check(pthread_create(&handle, attributes.get(), run, start.get()));
  (void)start.release();  // it is the thread's now
  handle_ = handle;
}

OwnThread::OwnThread(OwnThread&& other) noexcept
    : handle_(std::exchange(other.handle_, std::nullopt)) {}

OwnThread& OwnThread::operator=(OwnThread&& other) noexcept {
  if (joinable()) std::terminate();
  handle_ = std::exchange(other.handle_, std::nullopt);
  return *this;
}

OwnThread::~OwnThread() {
  if (joinable()) std::terminate();
}

bool OwnThread::is_this_thread() const noexcept {
  return handle_ && pthread_equal(*handle_, pthread_self()) != 0;
}

void OwnThread::join() noexcept {
  pthread_join(*handle_, nullptr);
  handle_.reset();
}

void OwnThread::detach() noexcept {
  pthread_detach(*handle_);
  handle_.reset();
}

std::chrono::nanoseconds OwnThread::cpu_time() const noexcept {
  clockid_t clock{};
  timespec time{};
  if (!handle_ || pthread_getcpuclockid(*handle_, &clock) != 0 || clock_gettime(clock, &time) != 0)
    return {};
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::string this_threads_name() {
  char name[16] = {};
  pthread_getname_np(pthread_self(), name, sizeof name);
  return name;
}

}  // namespace adapipe::inline v0_1
