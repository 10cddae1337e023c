#pragma once

#include <adapipe/keys.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "keys/secret.hpp"
#include "support/bytes.hpp"

namespace adapipe::testing {

/// A key service that hides nothing: a blob is the file key and a check byte, XORed with a mask. It
/// leaves no file key in memory, though.
class MaskingProvider final : public KeyProvider {
 public:
  MaskingProvider(std::string name, std::uint8_t mask) : name_(std::move(name)), mask_{mask} {}

  std::string name() const override { return name_; }

  std::vector<std::byte> wrap(std::span<const std::byte, 32> file_key,
                              std::stop_token) const override {
    Bytes blob;
    for (const std::byte b : file_key) blob.push_back(b ^ mask_);
    blob.push_back(kCheck ^ mask_);
    return blob;
  }

  std::optional<SharedKey> unwrap(std::span<const std::byte> blob, std::stop_token) const override {
    if (blob.size() != SharedKey::kBytes + 1 || (blob.back() ^ mask_) != kCheck)
      return std::nullopt;
    SecretArray<SharedKey::kBytes> key;
    std::transform(blob.begin(), blob.end() - 1, key.bytes().begin(),
                   [this](std::byte b) { return b ^ mask_; });
    return SharedKey::from_bytes(key.bytes());
  }

 private:
  static constexpr std::byte kCheck{0xF0};
  std::string name_;
  std::byte mask_;
};

/// A key service made of callables.
class CallableProvider final : public KeyProvider {
 public:
  using Wrap =
      std::function<std::vector<std::byte>(std::span<const std::byte, 32>, const std::stop_token&)>;
  using Unwrap =
      std::function<std::optional<SharedKey>(std::span<const std::byte>, const std::stop_token&)>;
  CallableProvider(Wrap wrap, Unwrap unwrap) : wrap_(std::move(wrap)), unwrap_(std::move(unwrap)) {}

  std::string name() const override { return "callable"; }
  std::vector<std::byte> wrap(std::span<const std::byte, 32> file_key,
                              std::stop_token stop) const override {
    return wrap_(file_key, stop);
  }
  std::optional<SharedKey> unwrap(std::span<const std::byte> blob,
                                  std::stop_token stop) const override {
    return unwrap_(blob, stop);
  }

 private:
  Wrap wrap_;
  Unwrap unwrap_;
};

}  // namespace adapipe::testing
