#include "keys/provider_slot.hpp"

#include <fmt/format.h>

#include <adapipe/keys.hpp>
#include <exception>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "util/stop.hpp"

namespace adapipe::inline v0_1 {
namespace {

constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxBlobBytes = 65'535;

class ProviderSlots final : public RecipientImpl, public IdentityImpl {
 public:
  explicit ProviderSlots(std::shared_ptr<const KeyProvider> provider)
      : provider_(std::move(provider)) {
    if (!provider_) throw Error(errc::invalid_argument, "there is no key provider");
    name_ = provider_->name();
    if (name_.empty() || name_.size() > kMaxNameBytes)
      throw Error(errc::invalid_argument, "a key provider's name has 1 to 255 bytes");
  }

  bool is_passphrase() const noexcept override { return false; }

  Slot wrap(const FileKey& file_key, FileSalt, RandomSource&,
            const std::stop_token& stop) const override {
    return attempt(stop, [&] {
      return encode_provider_slot(
          {.name = name_, .blob = provider_->wrap(std::as_const(file_key).bytes(), stop)});
    });
  }

  std::optional<FileKey> unwrap(const Slot& slot, FileSalt,
                                const std::stop_token& stop) const override {
    if (slot.type < kSlotProvider) return std::nullopt;
    const auto [name, blob] = decode_provider_slot(slot);
    if (name != name_) return std::nullopt;
    const std::optional<SharedKey> key =
        attempt(stop, [&, b = blob] { return provider_->unwrap(b, stop); });
    return key ? std::optional(FileKey(key->bytes())) : std::nullopt;
  }

 private:
  /// What a key service throws becomes an Error that names it.
  template <typename F>
  std::invoke_result_t<F> attempt(const std::stop_token& stop, F call) const {
    throw_if_stopped(stop);
    try {
      auto answer = call();
      throw_if_stopped(stop);  // it may have answered anything, so as to return soon
      return answer;
    } catch (const Error& e) {
      throw_if_stopped(stop);
      if (e.kind() != errc::cancelled) throw;
      // Nobody but the service gave up: to the operation that is a failure like any other.
      throw Error(errc::io_error, fmt::format("the key provider {} failed: {}", name_, e.what()));
    } catch (const std::bad_alloc&) {  // an Error, so that it keeps no other key out
      throw_if_stopped(stop);
      throw Error(errc::resource_exhausted,
                  fmt::format("the key provider {} failed: out of memory", name_));
    } catch (const std::exception& e) {
      throw_if_stopped(stop);
      throw Error(errc::io_error, fmt::format("the key provider {} failed: {}", name_, e.what()));
    } catch (...) {
      throw_if_stopped(stop);
      throw Error(errc::io_error, fmt::format("the key provider {} failed", name_));
    }
  }

  std::shared_ptr<const KeyProvider> provider_;
  std::string name_;
};

}  // namespace

KeyProvider::~KeyProvider() = default;

Slot encode_provider_slot(const ProviderSlot& content) {
  const auto [name, blob] = content;
  if (blob.size() > kMaxBlobBytes)
    throw Error(errc::limit_exceeded,
                fmt::format("the key provider {} wraps a key into {} bytes; a slot holds 65,535",
                            name, blob.size()));
  ByteWriter body;
  body.put(static_cast<std::uint8_t>(name.size())).put(as_bytes(name));
  body.put(static_cast<std::uint16_t>(blob.size())).put(blob);
  return {.type = kSlotProvider, .body = std::move(body).take()};
}

ProviderSlot decode_provider_slot(const Slot& slot) {
  ByteReader body(slot.body, "a key provider's slot");
  ProviderSlot content;
  content.name = as_text(body.get(body.get<std::uint8_t>()));
  content.blob = body.get(body.get<std::uint16_t>());
  body.expect_end();
  if (content.name.empty()) throw Error(errc::corrupt, "a key provider's slot has no name");
  return content;
}

Recipient::Recipient(std::shared_ptr<const KeyProvider> provider)
    : impl_(std::make_shared<ProviderSlots>(std::move(provider))) {}
Identity::Identity(std::shared_ptr<const KeyProvider> provider)
    : impl_(std::make_shared<ProviderSlots>(std::move(provider))) {}

}  // namespace adapipe::inline v0_1
