#include "support/watchdog.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>

#include "support/catch.hpp"
#include "util/thread.hpp"

namespace adapipe {

using testing::Watchdog;

TEST_CASE("hangs", "[.]") {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  const Watchdog watchdog(std::chrono::milliseconds(100));
  std::mutex mutex;
  const std::lock_guard lock(mutex);
  OwnThread({.name = "hangs"}, "-here", [&mutex] { const std::lock_guard never(mutex); }).join();
}

TEST_CASE("a hang fails with the stack of every thread, those that block signals included") {
  const std::string command =
      std::filesystem::read_symlink("/proc/self/exe").string() + " hangs 2>&1";
  std::FILE* const child = ::popen(command.c_str(), "r");
  REQUIRE(child != nullptr);
  std::string said;
  for (int c = 0; (c = std::fgetc(child)) != EOF;) said.push_back(static_cast<char>(c));
  CHECK(::pclose(child) != 0);
  INFO(said);
  CHECK(said.find("watchdog: the test hangs") != std::string::npos);
  const std::size_t stuck = said.find("hangs-here\n");
  REQUIRE(stuck != std::string::npos);
  const std::string stack = said.substr(stuck, said.find("\n\n", stuck) - stuck);
  CHECK(stack.find("pthread_mutex_lock") != std::string::npos);
}

}  // namespace adapipe
