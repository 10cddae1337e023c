#include "keys.hpp"

#include <adapipe/error.hpp>
#include <adapipe/reader.hpp>
#include <algorithm>
#include <utility>

#include "endpoints.hpp"
#include "exit_code.hpp"
#include "signals.hpp"
#include "terminal.hpp"

namespace tool {
namespace {

adapipe::SharedKey load_key(const std::string& file) {
  const NothingToCleanUp reading;
  try {
    return adapipe::SharedKey::load(file);
  } catch (const adapipe::Error& e) {
    throw Failure(exit_code(e, Side::input), e.what());
  }
}

adapipe::Passphrase ask_passphrase(const std::stop_token& stop) {
  Secret secret;
  ask_secret("Passphrase: ", stop, secret);
  return adapipe::Passphrase(secret.text());
}

adapipe::Passphrase ask_new_passphrase(const std::stop_token& stop) {
  Secret first;
  Secret second;
  ask_secret("New passphrase: ", stop, first);
  ask_secret("The same again: ", stop, second);
  if (first.text() != second.text())
    throw Failure(ExitCode::usage, "the two passphrases differ; nothing was done");
  return adapipe::Passphrase(first.text());
}

adapipe::Passphrase load_passphrase(const std::string& file) {
  const NothingToCleanUp reading;
  Secret secret;
  read_secret_file(file, secret);
  return adapipe::Passphrase(secret.text());
}

/// Slot types are numbered in FORMAT.md.
bool is_passphrase_slot(std::uint16_t type) { return type >= 2 && type <= 4; }

/// Whether a passphrase is the only thing that opens `input`; false if that cannot be told without
/// consuming it. What is wrong with a container is for the operation itself to say.
bool needs_passphrase(const std::string& input) {
  if (!is_regular_file(input)) return false;
  try {
    const auto slots = adapipe::inspect(open_source(input)).slot_types;
    return !slots.empty() && std::ranges::all_of(slots, is_passphrase_slot);
  } catch (const adapipe::Error&) {
    return false;
  }
}

}  // namespace

adapipe::ListOf<adapipe::Recipient> load_recipients(const KeyOptions& options,
                                                    const std::stop_token& stop) {
  adapipe::ListOf<adapipe::Recipient> recipients;
  for (const std::string& file : options.key_files) recipients.push_back(load_key(file));
  if (options.ask_passphrase) recipients.push_back(ask_new_passphrase(stop));
  if (!options.passphrase_file.empty())
    recipients.push_back(load_passphrase(options.passphrase_file));
  return recipients;
}

Keyring::Keyring(const KeyOptions& options, std::stop_token stop) : stop_(std::move(stop)) {
  for (const std::string& file : options.key_files) identities_.push_back(load_key(file));
  if (options.ask_passphrase) identities_.push_back(ask_passphrase(stop_));
  if (!options.passphrase_file.empty())
    identities_.push_back(load_passphrase(options.passphrase_file));
}

adapipe::ListOf<adapipe::Identity> Keyring::identities_for(const std::string& input) {
  if (!identities_.empty() || !needs_passphrase(input)) return identities_;
  if (!asked_ && has_terminal()) asked_ = ask_passphrase(stop_);
  if (!asked_) return {};
  return {*asked_};
}

void Keyring::rethrow_with_advice(const std::string& input) const {
  try {
    throw;
  } catch (const adapipe::Error& e) {
    if (e.kind() != adapipe::errc::wrong_key || !identities_.empty() || asked_) throw;
    const std::string place = e.path() ? "" : input_name(input) + ": ";
    throw Failure(ExitCode::wrong_key, place + e.what() +
                                           "; give a key with -k, or a passphrase with -p or "
                                           "--passphrase-file");
  }
}

}  // namespace tool
