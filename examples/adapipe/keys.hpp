#pragma once

#include <adapipe/keys.hpp>
#include <optional>
#include <stop_token>
#include <string>

#include "options.hpp"

namespace tool {

/// Whoever shall be able to open what process makes. Reads key files; asks for the passphrase,
/// twice, if the options say so. One passphrase serves a whole batch, so that it is stretched once.
adapipe::ListOf<adapipe::Recipient> load_recipients(const KeyOptions& options,
                                                    const std::stop_token& stop);

/// What may open containers: the keys of the command line or, without any, a passphrase that is
/// asked for when the first container turns out to need it.
class Keyring {
 public:
  Keyring(const KeyOptions& options, std::stop_token stop);

  /// The identities to try on the container `input` ("-" is stdin).
  adapipe::ListOf<adapipe::Identity> identities_for(const std::string& input);

  /// To be called while an exception about `input` is handled: passes it on. If no key was given at
  /// all, a wrong_key says what to do.
  [[noreturn]] void rethrow_with_advice(const std::string& input) const;

 private:
  adapipe::ListOf<adapipe::Identity> identities_;
  std::optional<adapipe::Passphrase> asked_;
  std::stop_token stop_;
};

}  // namespace tool
