#include "keys.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <adapipe/error.hpp>
#include <adapipe/reader.hpp>
#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "endpoints.hpp"
#include "exit_code.hpp"
#include "signals.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace tool {
namespace {

constexpr std::size_t kMaxRecipientsFileBytes = 1024 * 1024;

template <typename Key>
bool is_file_of(const std::string& file) {
  try {
    Key::load(file);
    return true;
  } catch (const adapipe::Error&) {
    return false;
  }
}

bool is_key_text(std::string_view text) {
  constexpr std::size_t kHexDigits = 2 * adapipe::SharedKey::kBytes;
  const bool is_hex = text.size() == kHexDigits &&
                      text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
  return is_hex || looks_private(text);
}

/// The text of a key where the name of its file belongs must not come back in a message; nor must
/// that of a whole key file, which has a comment in its first line, say.
void refuse_key_text(const std::string& file) {
  std::istringstream lines(file);
  for (std::string line; std::getline(lines, line);)
    if (is_key_text(trimmed(line)) && ::access(file.c_str(), F_OK) != 0)
      throw Failure(ExitCode::usage, "a key was given where the name of its file belongs");
}

/// Loads a key, or gives `advice` if `file` holds an Other. A pipe is not asked: what it held is
/// gone, and reading it again would wait.
template <typename Key, typename Other>
Key load(const std::string& file, const char* advice) {
  refuse_key_text(file);
  const NothingToCleanUp reading;
  try {
    return Key::load(file);
  } catch (const adapipe::Error& e) {
    if (e.kind() == adapipe::errc::invalid_argument && is_regular_file(file) &&
        is_file_of<Other>(file))
      throw Failure(ExitCode::usage, file + ": " + advice);
    throw Failure(exit_code(e, Side::input), e.what());
  }
}

adapipe::SharedKey load_key(const std::string& file, const char* advice) {
  return load<adapipe::SharedKey, adapipe::X25519Identity>(file, advice);
}

adapipe::X25519Identity load_identity(const std::string& file) {
  return load<adapipe::X25519Identity, adapipe::SharedKey>(file, "give this kind of key with -k");
}

adapipe::X25519PublicKey parse_recipient(const std::string& text, const std::string& place) {
  if (looks_private(text))
    throw Failure(ExitCode::usage,
                  place + ": this is a private key; a recipient is a public one, adp1...");
  try {
    return adapipe::X25519PublicKey::parse(text);
  } catch (const adapipe::Error& e) {
    throw Failure(exit_code(e, Side::input), place + ": " + e.what());
  }
}

/// What was given for a public key, unless it may be a private one, which errors must not repeat.
std::string shown_recipient(const std::string& text) {
  return text.starts_with("adp1") || text.starts_with("ADP1") ? printable(text) : "a recipient";
}

void load_recipients_file(const std::string& file, adapipe::ListOf<adapipe::Recipient>& to) {
  refuse_key_text(file);
  const NothingToCleanUp reading;
  std::ifstream content(file, std::ios::binary);
  if (!content) throw Failure(ExitCode::no_input, file + ": cannot open the recipients file");
  std::string text(kMaxRecipientsFileBytes + 1, '\0');  // a device never ends
  content.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (content.bad()) throw Failure(ExitCode::no_input, file + ": cannot read the recipients file");
  text.resize(static_cast<std::size_t>(content.gcount()));
  if (text.size() > kMaxRecipientsFileBytes)
    throw Failure(ExitCode::usage, file + ": this is too long to be a recipients file");
  if (text.starts_with("\xEF\xBB\xBF"))
    throw Failure(ExitCode::usage, file + ": begins with a byte order mark; save it without one");
  std::istringstream lines(text);
  std::size_t number = 0;
  bool found = false;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::string_view key = trimmed(line);
    if (key.empty() || key.starts_with('#')) continue;
    to.push_back(parse_recipient(std::string(key), fmt::format("{}, line {}", file, number)));
    found = true;
  }
  if (!found) throw Failure(ExitCode::usage, file + ": there is no public key in it");
}

adapipe::PassphraseKdf parse_kdf(const std::string& name) {
  if (name == "pbkdf2") return adapipe::PassphraseKdf::pbkdf2;
  if (name == "argon2id") return adapipe::PassphraseKdf::argon2id;
  return adapipe::PassphraseKdf::scrypt;
}

adapipe::Passphrase ask_passphrase(const std::stop_token& stop) {
  Secret secret;
  ask_secret("Passphrase: ", stop, secret);
  return adapipe::Passphrase(secret.text());
}

adapipe::Passphrase ask_new_passphrase(const std::string& kdf, const std::stop_token& stop) {
  Secret first;
  Secret second;
  ask_secret("New passphrase: ", stop, first);
  ask_secret("The same again: ", stop, second);
  if (first.text() != second.text())
    throw Failure(ExitCode::usage, "the two passphrases differ; nothing was done");
  return adapipe::Passphrase(first.text(), {.kdf = parse_kdf(kdf)});
}

adapipe::Passphrase load_passphrase(const std::string& file,
                                    adapipe::PassphraseOptions options = {}) {
  const NothingToCleanUp reading;
  Secret secret;
  read_secret_file(file, secret);
  return adapipe::Passphrase(secret.text(), options);
}

/// Slot types are numbered in FORMAT.md.
bool is_passphrase_slot(std::uint16_t type) { return type >= 2 && type <= 4; }

/// Whether a passphrase is the only thing that opens `input`; false if that cannot be told without
/// consuming it. What is wrong with a container is for the operation itself to say.
bool needs_passphrase(const std::string& input) {
  if (!is_regular_file(input)) return false;
  try {
    // Nothing to read an index with: a container that has one to show has no slots.
    const auto slots = adapipe::inspect(open_source(input), 0).slot_types;
    return !slots.empty() && std::ranges::all_of(slots, is_passphrase_slot);
  } catch (const adapipe::Error&) {
    return false;
  }
}

}  // namespace

adapipe::ListOf<adapipe::Recipient> load_recipients(const KeyOptions& options,
                                                    const std::stop_token& stop) {
  adapipe::ListOf<adapipe::Recipient> recipients;
  for (const std::string& file : options.key_files)
    recipients.push_back(
        load_key(file, "this is an identity; give the public key in it as a recipient"));
  if (options.ask_passphrase) recipients.push_back(ask_new_passphrase(options.kdf, stop));
  if (!options.passphrase_file.empty())
    recipients.push_back(load_passphrase(options.passphrase_file, {.kdf = parse_kdf(options.kdf)}));
  for (const std::string& text : options.recipients)
    recipients.push_back(parse_recipient(text, shown_recipient(text)));
  for (const std::string& file : options.recipient_files) load_recipients_file(file, recipients);
  return recipients;
}

Keyring::Keyring(const KeyOptions& options, std::stop_token stop) : stop_(std::move(stop)) {
  for (const std::string& file : options.key_files)
    identities_.push_back(load_key(file, "give this kind of key with -i"));
  if (options.ask_passphrase) identities_.push_back(ask_passphrase(stop_));
  if (!options.passphrase_file.empty())
    identities_.push_back(load_passphrase(options.passphrase_file));
  for (const std::string& file : options.identity_files) identities_.push_back(load_identity(file));
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
                                           "; give a key with -k or -i, or a passphrase with "
                                           "-p or --passphrase-file");
  }
}

}  // namespace tool
