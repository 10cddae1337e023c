#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

/// What the machine can do: the codec and the cipher on the chunks of a file, and nothing else.
/// Every thread takes every N-th chunk, reads it, and writes what it made of it where a chunk as
/// large as possible would be: no order, no container, no queue, no error is told from another.
///
///     kernel_limit seal IN OUT THREADS LEVEL CHUNK_BYTES     level 0: encrypt only
///     kernel_limit open IN OUT THREADS
namespace {

using Bytes = std::vector<unsigned char>;

constexpr std::uint64_t kTagBytes = 16;

/// At the end of the output: what opening it has to know. The size of every chunk precedes it.
struct Layout {
  std::uint64_t plain_bytes;
  std::uint64_t chunk_bytes;
  std::uint64_t level;

  std::uint64_t chunks() const { return (plain_bytes + chunk_bytes - 1) / chunk_bytes; }
  std::uint64_t slot_bytes() const { return ZSTD_compressBound(chunk_bytes) + kTagBytes; }
  std::uint64_t size_of(std::uint64_t chunk) const {
    return std::min(chunk_bytes, plain_bytes - chunk * chunk_bytes);
  }
};

template <typename T>
T* checked(T* object) {
  if (object == nullptr) throw std::runtime_error("out of memory");
  return object;
}

std::size_t checked_zstd(std::size_t result) {
  if (ZSTD_isError(result) != 0) throw std::runtime_error(ZSTD_getErrorName(result));
  return result;
}

void checked_cipher(int result) {
  if (result != 1) throw std::runtime_error("the cipher failed");
}

class File {
 public:
  File(const char* name, int flags) : fd_(open(name, flags, 0600)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), name);
  }
  File(const File&) = delete;
  ~File() { close(fd_); }

  std::uint64_t size() const {
    struct stat status {};
    if (fstat(fd_, &status) != 0) throw std::system_error(errno, std::generic_category(), "fstat");
    return static_cast<std::uint64_t>(status.st_size);
  }
  void read(void* to, std::size_t bytes, std::uint64_t offset) const {
    if (pread(fd_, to, bytes, static_cast<off_t>(offset)) != static_cast<ssize_t>(bytes))
      throw std::runtime_error("a read fell short");
  }
  void write(const void* from, std::size_t bytes, std::uint64_t offset) const {
    if (pwrite(fd_, from, bytes, static_cast<off_t>(offset)) != static_cast<ssize_t>(bytes))
      throw std::runtime_error("a write fell short");
  }

 private:
  const int fd_;
};

/// AES-256-GCM under a key of zeros, the number of the chunk as its nonce.
class Aead {
 public:
  explicit Aead(bool seals) : context_(checked(EVP_CIPHER_CTX_new())) {
    const std::array<unsigned char, 32> key{};
    checked_cipher(EVP_CipherInit_ex(context_, EVP_aes_256_gcm(), nullptr, key.data(), nullptr,
                                     seals ? 1 : 0));
  }
  Aead(const Aead&) = delete;
  ~Aead() { EVP_CIPHER_CTX_free(context_); }

  void seal(std::uint64_t chunk, unsigned char* data, std::size_t bytes, unsigned char* tag) {
    update(chunk, data, bytes);
    checked_cipher(EVP_CipherFinal_ex(context_, tag, &written_));
    checked_cipher(EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag));
  }
  void open(std::uint64_t chunk, unsigned char* data, std::size_t bytes, unsigned char* tag) {
    update(chunk, data, bytes);
    checked_cipher(EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag));
    checked_cipher(EVP_CipherFinal_ex(context_, tag, &written_));
  }

 private:
  void update(std::uint64_t chunk, unsigned char* data, std::size_t bytes) {
    std::array<unsigned char, 12> nonce{};
    std::copy_n(reinterpret_cast<const unsigned char*>(&chunk), sizeof(chunk), nonce.data());
    checked_cipher(EVP_CipherInit_ex(context_, nullptr, nullptr, nullptr, nonce.data(), -1));
    checked_cipher(EVP_CipherUpdate(context_, data, &written_, data, static_cast<int>(bytes)));
  }

  EVP_CIPHER_CTX* const context_;
  int written_ = 0;
};

void seal_chunks(const File& in, const File& out, const Layout& layout, std::uint64_t first,
                 std::uint64_t step, std::vector<std::uint64_t>& sizes) {
  ZSTD_CCtx* const codec = checked(ZSTD_createCCtx());
  checked_zstd(
      ZSTD_CCtx_setParameter(codec, ZSTD_c_compressionLevel, static_cast<int>(layout.level)));
  Aead aead(true);
  Bytes plain(layout.chunk_bytes), sealed(layout.slot_bytes());
  for (std::uint64_t chunk = first; chunk < layout.chunks(); chunk += step) {
    std::size_t bytes = layout.size_of(chunk);
    Bytes& from = layout.level == 0 ? sealed : plain;
    in.read(from.data(), bytes, chunk * layout.chunk_bytes);
    if (layout.level != 0)
      bytes =
          checked_zstd(ZSTD_compress2(codec, sealed.data(), sealed.size(), plain.data(), bytes));
    aead.seal(chunk, sealed.data(), bytes, sealed.data() + bytes);
    out.write(sealed.data(), bytes + kTagBytes, chunk * layout.slot_bytes());
    sizes[chunk] = bytes;
  }
  ZSTD_freeCCtx(codec);
}

void open_chunks(const File& in, const File& out, const Layout& layout, std::uint64_t first,
                 std::uint64_t step, const std::vector<std::uint64_t>& sizes) {
  ZSTD_DCtx* const codec = checked(ZSTD_createDCtx());
  Aead aead(false);
  Bytes plain(layout.chunk_bytes), sealed(layout.slot_bytes());
  for (std::uint64_t chunk = first; chunk < layout.chunks(); chunk += step) {
    std::size_t bytes = sizes[chunk];
    in.read(sealed.data(), bytes + kTagBytes, chunk * layout.slot_bytes());
    aead.open(chunk, sealed.data(), bytes, sealed.data() + bytes);
    if (layout.level != 0)
      bytes = checked_zstd(
          ZSTD_decompressDCtx(codec, plain.data(), plain.size(), sealed.data(), bytes));
    out.write(layout.level == 0 ? sealed.data() : plain.data(), bytes, chunk * layout.chunk_bytes);
  }
  ZSTD_freeDCtx(codec);
}

/// One failure is enough: it ends the process.
void on_threads(std::uint64_t threads, const std::function<void(std::uint64_t)>& work) {
  std::vector<std::jthread> others;
  for (std::uint64_t i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
}

void seal(const File& in, const File& out, std::uint64_t threads, std::uint64_t level,
          std::uint64_t chunk_bytes) {
  const Layout layout{.plain_bytes = in.size(), .chunk_bytes = chunk_bytes, .level = level};
  std::vector<std::uint64_t> sizes(layout.chunks());
  on_threads(threads, [&](std::uint64_t i) { seal_chunks(in, out, layout, i, threads, sizes); });
  const std::uint64_t end = layout.chunks() * layout.slot_bytes();
  out.write(sizes.data(), sizes.size() * sizeof(sizes[0]), end);
  out.write(&layout, sizeof(layout), end + sizes.size() * sizeof(sizes[0]));
}

void open(const File& in, const File& out, std::uint64_t threads) {
  Layout layout;
  in.read(&layout, sizeof(layout), in.size() - sizeof(layout));
  std::vector<std::uint64_t> sizes(layout.chunks());
  in.read(sizes.data(), sizes.size() * sizeof(sizes[0]), layout.chunks() * layout.slot_bytes());
  on_threads(threads, [&](std::uint64_t i) { open_chunks(in, out, layout, i, threads, sizes); });
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (!(verb == "seal" && argc == 7) && !(verb == "open" && argc == 5))
    throw std::runtime_error("usage: seal IN OUT THREADS LEVEL CHUNK_BYTES | open IN OUT THREADS");
  const File in(argv[2], O_RDONLY);
  const File out(argv[3], O_WRONLY | O_CREAT | O_TRUNC);
  const std::uint64_t threads = std::stoull(argv[4]);
  if (verb == "open")
    open(in, out, threads);
  else
    seal(in, out, threads, std::stoull(argv[5]), std::stoull(argv[6]));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "kernel_limit: %s\n", error.what());
  return 1;
}
