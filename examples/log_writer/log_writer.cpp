// A log that is compressed and encrypted while it is written. Every so many lines it is made to
// survive a crash: until it is finished, what was flushed can be salvaged from the .partial file.
//
//   example_log_writer PUBLIC_KEY LOG < LINES

#include <adapipe/adapipe.hpp>
#include <adapipe/iostream.hpp>
#include <iostream>
#include <string>

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: example_log_writer PUBLIC_KEY LOG < LINES\n";
    return 64;
  }
  constexpr int kLinesBetweenFlushes = 10'000;
  // The program that writes the log cannot read it: it has the public key only.
  const auto pipeline =
      adapipe::Pipeline::Builder()
          .add(adapipe::zstd())
          .add(adapipe::aes_256_gcm({.recipients = {adapipe::X25519PublicKey::parse(argv[1])}}))
          .build();
  adapipe::ostream log(pipeline, argv[2]);
  log.exceptions(std::ios_base::badbit);  // an adapipe::Error is thrown as it is
  std::string line;
  for (int lines = 1; std::getline(std::cin, line); ++lines) {
    log << lines << ' ' << line << '\n';
    if (lines % kLinesBetweenFlushes == 0) {
      log << std::flush;
      log.writer().flush(adapipe::Durability::machine);
    }
  }
  log.close();
  if (const adapipe::Error* const error = log.error()) throw adapipe::Error(*error);
  const auto report = log.report().value();
  std::cout << report.input_bytes << " -> " << report.output_bytes << " bytes in " << report.chunks
            << " chunks\n";
} catch (const adapipe::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
