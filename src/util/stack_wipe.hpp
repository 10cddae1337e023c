#pragma once

namespace adapipe::inline v0_1 {

/// At the end of a scope that calls OpenSSL, overwrites the stack that the calls have used: its
/// ChaCha20 spreads the key there, its X25519 the secret that comes out, its SHA-256 what it
/// hashes, a key within HMAC and HKDF among it, and all leave it behind, on some CPUs. So do they
/// in vector registers, which on x86-64 are overwritten too: a signal, or the binding of a function
/// at its first call, would save them on the stack.
class StackWipe {
 public:
  StackWipe() = default;
  StackWipe(const StackWipe&) = delete;
  ~StackWipe() { overwrite(); }

 private:
  static void overwrite() noexcept;
};

}  // namespace adapipe::inline v0_1
