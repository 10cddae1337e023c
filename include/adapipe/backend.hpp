#pragma once

#include <adapipe/export.hpp>
#include <adapipe/keys.hpp>
#include <adapipe/stage.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace adapipe::inline v0_1 {

/// One thread's codec context.
class ADAPIPE_API CodecWorker {
 public:
  virtual ~CodecWorker();

  /// Compresses `in` into `out`, which has CodecBackend::bound(in.size()) bytes; returns the bytes
  /// written. Returning 0 means that `in` is better stored as it is.
  /// Writes nothing beyond `out`.
  virtual std::size_t compress(std::span<const std::byte> in, std::span<std::byte> out) = 0;

  /// Decompresses `in`, all of it, into `out`, which is resized to what comes out, within its
  /// max_size(). Throws Error(corrupt) when `in` is not exactly one valid unit of this codec, or
  /// claims more than out.max_size(), which follows from what its record says.
  virtual void decompress(std::span<const std::byte> in, Buffer& out) = 0;
};

/// A compression algorithm. Immutable and thread-safe; codec() makes a stage of it.
class ADAPIPE_API CodecBackend {
 public:
  virtual ~CodecBackend();
  virtual std::string id() const = 0;                            ///< the stage id that is recorded
  virtual std::vector<std::byte> parameters() const;             ///< recorded too; default: none
  virtual std::size_t bound(std::size_t input_bytes) const = 0;  ///< most bytes compress() makes
  virtual std::unique_ptr<CodecWorker> make_worker(Direction direction) const = 0;
  /// Memory a worker holds, in bytes; see Stage::worker_bytes. Default: 0.
  virtual std::size_t worker_bytes(Direction direction, std::size_t chunk_bytes) const;
};

/// Wraps a codec as a stage: chunks that do not shrink go on unchanged.
ADAPIPE_API std::shared_ptr<const Stage> codec(std::shared_ptr<const CodecBackend> backend);

/// One thread's cipher context under one key.
class ADAPIPE_API CipherWorker {
 public:
  virtual ~CipherWorker();

  /// Encrypts `in` to `out` (same size; the same memory, or not overlapping) and writes the tag.
  /// One (key, nonce) must never seal two different plaintexts; the container sees to that.
  virtual void seal(std::span<const std::byte, 12> nonce, std::span<const std::byte> aad,
                    std::span<const std::byte> in, std::byte* out,
                    std::span<std::byte, 16> tag) = 0;

  /// The inverse. false if the tag does not fit: `out` then holds nothing of use and is wiped.
  [[nodiscard]] virtual bool open(std::span<const std::byte, 12> nonce,
                                  std::span<const std::byte> aad, std::span<const std::byte> in,
                                  std::byte* out, std::span<const std::byte, 16> tag) = 0;
};

/// An AEAD with 12-byte nonces and 16-byte tags. Immutable and thread-safe. Cipher() closes a
/// pipeline with one; restoring finds it by its number, see StageRegistry::add.
class ADAPIPE_API CipherBackend {
 public:
  virtual ~CipherBackend();
  virtual std::string name() const = 0;  ///< for messages, such as "AES-256-GCM"
  /// The container's cipher number: 32768 .. 65535 for a host's own, by agreement between those who
  /// write and who read. One number is one algorithm, for ever.
  virtual std::uint16_t id() const = 0;
  virtual std::size_t key_bytes() const = 0;  ///< 16 or 32
  virtual std::unique_ptr<CipherWorker> make_worker(std::span<const std::byte> key) const = 0;
};

}  // namespace adapipe::inline v0_1
