// Containers whose keys a service holds. Here the service is a folder with one file for each key,
// which stands for a KMS, a vault or a hardware token; a real one would encrypt the key, or ask
// whether the caller may have it.
//
//   example_key_service FILE VAULT_FOLDER

#include <adapipe/adapipe.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

/// Gives a ticket for a key, and the key for the ticket. Thread-safe, as the file system is.
class Vault final : public adapipe::KeyProvider {
 public:
  explicit Vault(fs::path folder) : folder_(std::move(folder)) { fs::create_directories(folder_); }

  // Stored in the container, so that a reader knows whom to ask.
  std::string name() const override { return "org.example.vault"; }

  std::vector<std::byte> wrap(std::span<const std::byte, 32> file_key,
                              std::stop_token) const override {
    const std::string ticket = adapipe::SharedKey::generate().id();
    adapipe::SharedKey::from_bytes(file_key).save(folder_ / ticket);
    const auto bytes = std::as_bytes(std::span(ticket));
    return {bytes.begin(), bytes.end()};
  }

  std::optional<adapipe::SharedKey> unwrap(std::span<const std::byte> blob,
                                           std::stop_token) const override {
    const std::string ticket(reinterpret_cast<const char*>(blob.data()), blob.size());
    // The ticket comes from a file that anyone may have written: it must not name other files.
    if (!is_ticket(ticket) || !fs::exists(folder_ / ticket)) return std::nullopt;  // or revoked
    return adapipe::SharedKey::load(folder_ / ticket);
  }

  /// Every key it has; whatever else is in the folder stays.
  void revoke_everything() const {
    for (const auto& entry : fs::directory_iterator(folder_))
      if (is_ticket(entry.path().filename().string())) fs::remove(entry);
  }

 private:
  static bool is_ticket(const std::string& name) {
    return name.size() == 16 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
  }

  fs::path folder_;
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: example_key_service FILE VAULT_FOLDER\n";
    return 64;
  }
  const auto vault = std::make_shared<Vault>(argv[2]);
  const auto pipeline = adapipe::Pipeline::Builder()
                            .add(adapipe::zstd())
                            .add(adapipe::aes_256_gcm({.recipients = {vault}}))
                            .build();
  std::vector<std::byte> sealed;
  const adapipe::Report made = pipeline.process(argv[1], adapipe::Sink::memory(sealed));
  std::cout << "sealed " << made.input_bytes << " bytes; the vault has the key\n";

  adapipe::verify(adapipe::Source::memory(sealed), {.identities = {vault}});
  std::cout << "the vault's key opens it\n";

  vault->revoke_everything();
  try {
    adapipe::verify(adapipe::Source::memory(sealed), {.identities = {vault}});
  } catch (const adapipe::Error& e) {
    if (e.kind() != adapipe::errc::wrong_key) throw;
    std::cout << "revoked: " << e.what() << '\n';
    return 0;
  }
  return 1;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
