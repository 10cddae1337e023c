#include <adapipe/error.hpp>
#include <adapipe/registry.hpp>
#include <adapipe/stages.hpp>
#include <map>
#include <utility>

#include "codec/zstd.hpp"

namespace adapipe::inline v0_1 {

struct StageRegistry::Map : std::map<std::string, StageFactory, std::less<>> {};

namespace {

std::shared_ptr<const Stage> make_zstd(std::span<const std::byte> parameters) {
  if (!parameters.empty())
    throw Error(errc::corrupt, "adapipe.zstd takes no parameters, but the container has some");
  return zstd();
}

}  // namespace

StageRegistry::StageRegistry() {
  static const std::shared_ptr<const Map> built_in = [] {
    auto map = std::make_shared<Map>();
    map->emplace(kZstdId, make_zstd);
    return map;
  }();
  map_ = built_in;
}

void StageRegistry::add(std::string id, StageFactory factory) {
  if (id.empty() || id.size() > 255)
    throw Error(errc::invalid_argument, "a stage id has 1 to 255 bytes").in_stage(std::move(id));
  if (!factory) throw Error(errc::invalid_argument, "the stage factory is empty").in_stage(id);
  if (contains(id)) throw Error(errc::already_exists, "the stage id is taken").in_stage(id);
  auto map = std::make_shared<Map>(*map_);
  map->emplace(std::move(id), std::move(factory));
  map_ = std::move(map);
}

bool StageRegistry::contains(std::string_view id) const { return map_->contains(id); }

std::shared_ptr<const Stage> StageRegistry::make(const StageInfo& info) const {
  const auto found = map_->find(info.id);
  if (found == map_->end())
    throw Error(errc::unknown_stage, "the container needs the stage '" + info.id +
                                         "', which is not registered (StageRegistry::add)")
        .in_stage(info.id);
  std::shared_ptr<const Stage> stage = found->second(info.parameters);
  if (!stage) throw Error(errc::stage_failed, "the stage factory made nothing").in_stage(info.id);
  return stage;
}

}  // namespace adapipe::inline v0_1
