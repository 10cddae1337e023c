#pragma once

#include <adapipe/export.hpp>
#include <adapipe/stage.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace adapipe::inline v0_1 {

class CipherBackend;

/// Makes a stage from the parameters a container recorded. They are the file's: hostile until
/// checked. Throw Error(corrupt) when they make no sense. Called from any thread.
using StageFactory = std::function<std::shared_ptr<const Stage>(std::span<const std::byte>)>;

/// The stages and ciphers that restoring can undo, by their ids. The built-in ones are already in
/// it. Copies are
/// independent. Not thread-safe while add() runs; const use is.
class ADAPIPE_API StageRegistry {
 public:
  StageRegistry();
  StageRegistry(const StageRegistry&) noexcept = default;
  StageRegistry& operator=(const StageRegistry&) noexcept = default;

  /// Error(already_exists) if `id` is taken, Error(invalid_argument) if it is not 1 .. 255 bytes.
  void add(std::string id, StageFactory factory);

  /// A cipher of the host's own, see CipherBackend. Error(already_exists) if its number is taken,
  /// Error(invalid_argument) if it is not one that a host may give, or the key has another size
  /// than 16 or 32 bytes.
  void add(std::shared_ptr<const CipherBackend> cipher);

  bool contains(std::string_view id) const;

  /// Error(unknown_stage) naming the id and how to register it; what the factory throws.
  std::shared_ptr<const Stage> make(const StageInfo& info) const;

  /// The cipher with this number. Error(unsupported_version) naming it and how to register it, also
  /// if this OpenSSL lacks a built-in one.
  std::shared_ptr<const CipherBackend> cipher(std::uint16_t id) const;

 private:
  struct Entries;
  std::shared_ptr<const Entries> entries_;  // copied on write, so that a copy is cheap
};

}  // namespace adapipe::inline v0_1
