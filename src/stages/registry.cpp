#include <adapipe/backend.hpp>
#include <adapipe/error.hpp>
#include <adapipe/registry.hpp>
#include <adapipe/stages.hpp>
#include <map>
#include <string>
#include <utility>

#include "cipher/host_cipher.hpp"
#include "cipher/openssl_aead.hpp"
#include "codec/zstd.hpp"
#include "util/for_good.hpp"

namespace adapipe::inline v0_1 {

struct StageRegistry::Entries {
  std::map<std::string, StageFactory, std::less<>> stages;
  std::map<std::uint16_t, std::shared_ptr<const CipherBackend>> ciphers;  // the hosts' own
};

namespace {

std::shared_ptr<const Stage> make_zstd(std::span<const std::byte> parameters) {
  if (!parameters.empty())
    throw Error(errc::corrupt, "adapipe.zstd takes no parameters, but the container has some");
  return zstd();
}

}  // namespace

StageRegistry::StageRegistry() {
  static const ForGood<std::shared_ptr<const Entries>> built_in([] {
    auto entries = std::make_shared<Entries>();
    entries->stages.emplace(kZstdId, make_zstd);
    return entries;
  }());
  entries_ = *built_in;
}

void StageRegistry::add(std::string id, StageFactory factory) {
  if (id.empty() || id.size() > 255)
    throw Error(errc::invalid_argument, "a stage id has 1 to 255 bytes").in_stage(std::move(id));
  if (!factory) throw Error(errc::invalid_argument, "the stage factory is empty").in_stage(id);
  if (contains(id)) throw Error(errc::already_exists, "the stage id is taken").in_stage(id);
  auto entries = std::make_shared<Entries>(*entries_);
  entries->stages.emplace(std::move(id), std::move(factory));
  entries_ = std::move(entries);
}

void StageRegistry::add(std::shared_ptr<const CipherBackend> cipher) {
  if (!cipher) throw Error(errc::invalid_argument, "StageRegistry::add() was given no cipher");
  check_host_cipher(*cipher, errc::invalid_argument);
  const std::uint16_t id = cipher->id();
  if (entries_->ciphers.contains(id))
    throw Error(errc::already_exists, "the cipher number " + std::to_string(id) + " is taken")
        .in_stage(cipher->name());
  auto entries = std::make_shared<Entries>(*entries_);
  entries->ciphers.emplace(id, std::move(cipher));
  entries_ = std::move(entries);
}

bool StageRegistry::contains(std::string_view id) const { return entries_->stages.contains(id); }

std::shared_ptr<const Stage> StageRegistry::make(const StageInfo& info) const {
  const auto found = entries_->stages.find(info.id);
  if (found == entries_->stages.end())
    throw Error(errc::unknown_stage, "the container needs the stage '" + info.id +
                                         "', which is not registered (StageRegistry::add)")
        .in_stage(info.id);
  std::shared_ptr<const Stage> stage = found->second(info.parameters);
  if (!stage) throw Error(errc::stage_failed, "the stage factory made nothing").in_stage(info.id);
  return stage;
}

std::shared_ptr<const CipherBackend> StageRegistry::cipher(std::uint16_t id) const {
  if (const auto found = entries_->ciphers.find(id); found != entries_->ciphers.end())
    return found->second;
  if (is_host_cipher(id))
    throw Error(errc::unsupported_version,
                "the container has cipher " + std::to_string(id) +
                    ", a host's own, which is not registered (StageRegistry::add)");
  if (auto built_in = openssl_aead(id)) return built_in;
  throw Error(errc::unsupported_version,
              "the container has cipher " + std::to_string(id) + ", which this build lacks");
}

}  // namespace adapipe::inline v0_1
