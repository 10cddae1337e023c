#pragma once

#include <adapipe/adapipe.hpp>
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "support/bytes.hpp"
#include "support/endpoints.hpp"
#include "support/temp_dir.hpp"

namespace adapipe::testing {

/// An operation that holds what it has until it is destroyed.
class Holder {
 public:
  Holder(const Pipeline& pipeline, const Bytes& plain)
      : operation_(pipeline.start(
            Source(std::make_unique<HookedStream>(
                plain, [this](std::size_t) { door_.wait(); }, [this] { door_.open(); })),
            Sink::discard())) {
    door_.until_someone_waits();
  }

 private:
  Door door_;
  Operation operation_;
};

/// An operation that waits for something which never comes, and what it needs for that.
struct Scene {
  explicit Scene(const RuntimeOptions& options) : runtime(options) {}
  ~Scene();

  Pipeline pipeline();
  Operation process(Source source, Sink sink);
  Source good_source();
  Sink good_sink() { return Sink(std::make_unique<HookedSink>(fate, BeforeCall())); }

  BeforeCall arrive_at(std::size_t call);
  /// Host code that waits until it is woken, or a stage until its source is.
  BeforeCall wait_at(std::size_t call);
  std::function<void()> wake() {
    return [this] { door.open(); };
  }
  void make_pipe();
  /// A pipe without room, or with room for one page.
  void make_full_pipe(bool but_for_a_page);
  std::filesystem::path make_fifo();

  const TempDir dir;
  const Bytes plain = random_bytes(12 * 4096, 1);
  int pipe[2]{-1, -1};
  std::promise<void> reached;  ///< it is where it waits, or about to be
  Door door;
  std::atomic<int> inside{0};  ///< threads in code of the host's that waits
  SinkFate fate;
  std::stop_source stop;
  std::shared_ptr<const Stage> stage;
  std::shared_ptr<const KeyProvider> provider;
  Runtime runtime;
  std::optional<Holder> holder;
};

/// `start` returns an operation that gets stuck; then Scene::reached is set.
struct Situation {
  const char* where;  ///< what it waits for
  bool sink_is_open;  ///< when it waits
  std::function<Operation(Scene&)> start;
};

const std::vector<Situation>& stuck_situations();

enum class Way { stop_token, cancel, destruction };
inline constexpr Way kWays[] = {Way::stop_token, Way::cancel, Way::destruction};

/// Ends `operation` and waits; with its error, if it can still be asked.
std::optional<errc> end(std::optional<Operation>& operation, Way way, std::stop_source& stop);

}  // namespace adapipe::testing
