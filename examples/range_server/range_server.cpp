// Answers requests for ranges of a large encrypted file, as a server of disk images or archives
// would: each line of the input is an offset and a length, and is answered with a checksum of the
// bytes there. Several threads share one Reader.
//
//   example_range_server CONTAINER KEY_FILE < REQUESTS

#include <adapipe/adapipe.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <mutex>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct Request {
  std::uint64_t offset;
  std::size_t length;
};

/// Requests from the standard input, to the threads that answer them.
class Requests {
 public:
  std::optional<Request> next() {
    const std::lock_guard lock(mutex_);
    Request request{};
    if (std::cin >> request.offset >> request.length) return request;
    return std::nullopt;
  }
  void answer(const std::string& line) {
    const std::lock_guard lock(mutex_);
    std::cout << line << '\n';
  }

 private:
  std::mutex mutex_;
};

void serve(const adapipe::Reader& reader, Requests& requests) {
  constexpr std::size_t kMaxLength = 64 * 1024 * 1024;
  std::vector<std::byte> bytes;
  while (const auto request = requests.next()) {
    std::string answer = std::to_string(request->offset) + " ";
    try {
      // Never as many as somebody asks for.
      bytes.resize(std::min(request->length, kMaxLength));
      const std::size_t got = reader.read_at(request->offset, bytes);
      const auto sum = std::accumulate(bytes.begin(), bytes.begin() + static_cast<long>(got),
                                       std::uint32_t{0}, [](std::uint32_t so_far, std::byte b) {
                                         return so_far * 31 + static_cast<std::uint32_t>(b);
                                       });
      answer += std::to_string(got) + " " + std::to_string(sum);
    } catch (const adapipe::Error& error) {
      answer += error.what();  // one chunk may be damaged; the others are still served
    }
    requests.answer(answer);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: example_range_server CONTAINER KEY_FILE < REQUESTS\n";
    return 64;
  }
  const auto reader =
      adapipe::Reader::open(argv[1], {.identities = {adapipe::SharedKey::load(argv[2])}});
  std::cerr << reader.size() << " bytes to be read\n";
  Requests requests;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { serve(reader, requests); });
} catch (const adapipe::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
